// The audit log in the store: rows are added, in the transaction of the change that they record, and never changed (triggers of the schema).
import type { Kysely } from 'kysely';
import { z } from 'zod';
import { type AuditEvent, type AuditRecord, isAuditCode } from '../audit/event.ts';
import { TunnelError } from '../base/errors.ts';
import type { Clock } from '../base/world.ts';
import { readColumn } from './json-column.ts';
import type { Schema } from './schema.ts';

const Detail = z.record(z.string(), z.unknown());

export function auditTable(db: Kysely<Schema>, clock: Clock) {
  return {
    async append({ code, actor, subject, detail }: AuditEvent): Promise<void> {
      await db
        .insertInto('audit')
        .values({ time: clock.now(), code, actor, subject, detail: JSON.stringify(detail) })
        .execute();
    },

    /** Many rows, one wait for the disk. */
    async appendAll(events: readonly AuditEvent[]): Promise<void> {
      if (events.length === 0) return;
      const time = clock.now();
      await db
        .insertInto('audit')
        .values(events.map(({ code, actor, subject, detail }) => ({ time, code, actor, subject, detail: JSON.stringify(detail) })))
        .execute();
    },

    /** In order of keeping, those after `afterSeq` (0: from the first); `next` is where to go on, null when nothing more is there now. */
    async list(afterSeq: number, limit: number): Promise<{ rows: AuditRecord[]; next: number | null }> {
      const found = await db
        .selectFrom('audit')
        .selectAll()
        .where('seq', '>', afterSeq)
        .orderBy('seq')
        .limit(limit + 1)
        .execute();
      const rows = found.slice(0, limit).map(({ code, detail, ...rest }): AuditRecord => {
        if (!isAuditCode(code))
          throw new TunnelError('store.corrupt', `audit row ${rest.seq} has a code that nobody writes`, {
            hint: 'It was written by a newer tunnel, or by hand.',
          });
        return { ...rest, code, detail: readColumn(detail, 'audit.detail', Detail) };
      });
      return { rows, next: found.length > limit ? (rows.at(-1)?.seq ?? null) : null };
    },
  };
}
