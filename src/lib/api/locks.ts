// The HTTP contract of taking back: locks, reasons, what was cut; and the lists of what can be locked beside agents and strings: sessions and operators.
import { z } from 'zod';
import { name, PageQuery, time, uuid } from './shapes.ts';

export const LockKind = z.enum(['operator', 'agent', 'token', 'session']);
/** Of everything that can be locked; null: it is not. */
export const LockShown = z.object({ reason: z.string().nullable(), since: time });
/** Why something is taken back, in an administrator's words: it stands on the screens of those whom it cuts off. */
export const ReasonRequest = z.object({ reason: z.string().min(1).max(200).optional() });
/** What was running and is cut. */
export const CutAnswer = z.object({ links: z.number().int(), sessions: z.number().int(), channels: z.number().int() });
/** Several ids where several strings were minted for one name. */
export const LockAnswer = z.object({ kind: LockKind, name, ids: z.array(z.string()), reason: z.string().nullable(), locked_at: time, cut: CutAnswer });
/** Those that were locked. */
export const UnlockAnswer = z.object({ kind: LockKind, name, ids: z.array(z.string()) });

/** Live and locked ones; with `ended` all that ever were. */
export const SessionsQuery = PageQuery.extend({ ended: z.enum(['true', 'false']).default('false') });
export const SessionRow = z.object({
  id: uuid,
  operator: name,
  agent: name,
  agent_id: uuid,
  state: z.enum(['live', 'ended']),
  opened_at: time,
  ended_at: time.nullable(),
  /** Of the closed list of reasons. */
  reason: z.string().nullable(),
  /** Of the channels that are open. */
  targets: z.array(z.string()),
  /** Sessions that are live on one agent at one time share it. */
  tunnel_id: uuid.nullable(),
  /** Unless its operator does something, and whatever it does; null where nothing will end it, or it has ended. */
  idle_ends_at: time.nullable(),
  longest_ends_at: time.nullable(),
  lock: LockShown.nullable(),
});
export const SessionList = z.object({ sessions: z.array(SessionRow), next: z.string().nullable() });

export const OperatorRow = z.object({
  id: uuid,
  name,
  kind: z.enum(['operator', 'admin']),
  /** Null, here and below: all. */
  agents: z.array(name).nullable(),
  targets: z.array(z.string()).nullable(),
  created_at: time,
  /** Live ones. */
  sessions: z.number().int(),
  lock: LockShown.nullable(),
});
export const OperatorList = z.object({ operators: z.array(OperatorRow), next: z.string().nullable() });

/** What its operator asks for who is at work without sending anything. */
export const KeepRequest = z.object({});

export type LockKind = z.infer<typeof LockKind>;
export type LockShown = z.infer<typeof LockShown>;
export type ReasonRequest = z.infer<typeof ReasonRequest>;
export type CutAnswer = z.infer<typeof CutAnswer>;
export type LockAnswer = z.infer<typeof LockAnswer>;
export type UnlockAnswer = z.infer<typeof UnlockAnswer>;
export type SessionsQuery = z.input<typeof SessionsQuery>;
export type SessionRow = z.infer<typeof SessionRow>;
export type SessionList = z.infer<typeof SessionList>;
export type OperatorList = z.infer<typeof OperatorList>;
