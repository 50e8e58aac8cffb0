// The audit log in the store: rows are added, in the transaction of the change that they record, chained to the row before, and never changed (triggers of the schema).
import type { Kysely } from 'kysely';
import { z } from 'zod';
import { type ChainHead, chained, NO_HASH } from '../audit/chain.ts';
import { type AuditEvent, type AuditRecord, isAuditCode } from '../audit/event.ts';
import { TunnelError } from '../base/errors.ts';
import type { Clock } from '../base/world.ts';
import { readColumn } from './json-column.ts';
import type { Schema } from './schema.ts';

const Detail = z.record(z.string(), z.unknown());

/** All that are given must hold. */
export interface AuditFilter {
  /** A code, or the beginning of several: `agent`, `channel.refused`. */
  readonly code?: string | undefined;
  readonly actor?: string | undefined;
  readonly subject?: string | undefined;
  /** ms since 1970; from `since` on, before `until`. */
  readonly since?: number | undefined;
  readonly until?: number | undefined;
}

export function auditTable(db: Kysely<Schema>, clock: Clock) {
  return {
    append: (event: AuditEvent): Promise<void> => inTransaction(db, (tables) => chain(tables, [event], clock.now())),

    /** Many rows, one wait for the disk. */
    async appendAll(events: readonly AuditEvent[]): Promise<void> {
      if (events.length > 0) await inTransaction(db, (tables) => chain(tables, events, clock.now()));
    },

    /** In order of keeping, those after `afterSeq` (0: from the first); `next` is where to go on, null when nothing more is there now. */
    async list(afterSeq: number, limit: number, filter: AuditFilter = {}): Promise<{ rows: AuditRecord[]; next: number | null }> {
      const { code, actor, subject, since, until } = filter;
      let query = db.selectFrom('audit').selectAll().where('seq', '>', afterSeq);
      if (code !== undefined)
        query = query.where((row) => row.or([row('code', '=', code), row.and([row('code', '>', `${code}.`), row('code', '<', `${code}/`)])]));
      if (actor !== undefined) query = query.where('actor', '=', actor);
      if (subject !== undefined) query = query.where('subject', '=', subject);
      if (since !== undefined) query = query.where('time', '>=', since);
      if (until !== undefined) query = query.where('time', '<', until);
      const found = await query
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

    /** The last row that was chained; null before the first. */
    head: async (): Promise<ChainHead | null> => (await headOf(db)) ?? null,
  };
}

/** The next number and the hash before it are read and written under the same lock, whoever else writes to this file. */
function inTransaction(db: Kysely<Schema>, work: (tables: Kysely<Schema>) => Promise<void>): Promise<void> {
  return db.isTransaction ? work(db) : db.transaction().execute(work);
}

async function chain(db: Kysely<Schema>, events: readonly AuditEvent[], now: number): Promise<void> {
  const before = (await headOf(db)) ?? (await beforeTheChain(db));
  const rows = chained(
    events.map((event) => ({ ...event, time: now })),
    before,
  );
  await db
    .insertInto('audit')
    .values(rows.map((row) => ({ ...row, time: now, detail: JSON.stringify(row.detail) })))
    .execute();
  const { seq, hash } = rows.at(-1) ?? before;
  await db
    .insertInto('auditHead')
    .values({ id: 1, seq, hash })
    .onConflict((conflict) => conflict.column('id').doUpdateSet({ seq, hash }))
    .execute();
}

function headOf(db: Kysely<Schema>): Promise<ChainHead | undefined> {
  return db.selectFrom('auditHead').select(['seq', 'hash']).executeTakeFirst();
}

async function beforeTheChain(db: Kysely<Schema>): Promise<ChainHead> {
  const newest = await db.selectFrom('audit').select('seq').orderBy('seq', 'desc').limit(1).executeTakeFirst();
  return { seq: newest?.seq ?? 0, hash: NO_HASH };
}
