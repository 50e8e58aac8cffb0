// The HTTP contract of the audit log: its rows, how they are chained, and what they can be asked for by.
import { z } from 'zod';
import { time } from './shapes.ts';

export const AuditRow = z.object({
  seq: z.number().int(),
  time,
  code: z.string(),
  actor: z.string(),
  subject: z.string(),
  detail: z.record(z.string(), z.unknown()),
  /** SHA-256 over the hash before it and this row (docs/audit.md); null in rows from before there was a chain. */
  hash: z.string().nullable(),
});
export const AuditPage = z.object({
  rows: z.array(AuditRow),
  next: z.string().nullable(),
  /** The last row that was chained when the page was read. */
  head: z.object({ seq: z.number().int(), hash: z.string() }).nullable(),
});
/** Beside the page: all that are given must hold. */
export const AuditFilter = z.object({
  /** A code, or the beginning of several: `agent`, `channel.refused`. */
  code: z.string().max(60).optional(),
  actor: z.string().max(300).optional(),
  subject: z.string().max(400).optional(),
  since: time.optional(),
  until: time.optional(),
});

export const AuditQuery = AuditFilter.extend({
  after: z.coerce.number().int().min(0).default(0),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
});

export type AuditRow = z.infer<typeof AuditRow>;
export type AuditFilter = z.infer<typeof AuditFilter>;
export type AuditPage = z.infer<typeof AuditPage>;
