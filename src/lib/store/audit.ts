// The audit log in the store: rows are added, in the transaction of the change that they record, chained to the row before, and never changed (triggers of the schema).
import { type Kysely, type Selectable, sql } from 'kysely';
import { z } from 'zod';
import { type ChainHead, chained, NO_HASH } from '../audit/chain.ts';
import { AUDIT_CODES, type AuditEvent, type AuditRecord, isAuditCode } from '../audit/event.ts';
import { TunnelError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { Clock } from '../base/world.ts';
import { readColumn } from './json-column.ts';
import type { AuditTableRow, Schema } from './schema.ts';

const Detail = z.record(z.string(), z.unknown());
type Row = Selectable<AuditTableRow>;

const ROWS_AT_ONCE = 200;
const PAGE_BYTES = LIMITS.apiAnswerBytes / 2;
/** Of a row without its detail. */
const ROW_BYTES = 400;

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

    /** In order of keeping, those after `afterSeq` (0: from the first), at most `limit` and what an answer holds; `next` is where to go on, null when nothing more is there now. */
    async list(afterSeq: number, limit: number, filter: AuditFilter = {}): Promise<{ rows: AuditRecord[]; next: number | null }> {
      const rows: AuditRecord[] = [];
      for (let [last, bytes] = [afterSeq, 0]; ; ) {
        const wanted = Math.min(ROWS_AT_ONCE, limit - rows.length + 1);
        const found = await matching(db, filter, last, wanted);
        for (const row of found) {
          bytes += ROW_BYTES + Buffer.byteLength(row.detail);
          if (rows.length === limit || (rows.length > 0 && bytes > PAGE_BYTES)) return { rows, next: last };
          rows.push(recordOf(row));
          last = row.seq;
        }
        if (found.length < wanted) return { rows, next: null };
      }
    },

    /** The last row that was chained; null before the first. */
    head: async (): Promise<ChainHead | null> => (await headOf(db)) ?? null,
  };
}

/** The next rows of these codes are found in the order of each by its index and then merged: no page costs more for what lies behind it. */
function matching(db: Kysely<Schema>, { code, actor, subject, since, until }: AuditFilter, afterSeq: number, limit: number): Promise<Row[]> {
  const next = (of?: string) => {
    let query = db.selectFrom('audit').selectAll().orderBy('seq').limit(limit);
    // Behind a cursor the rows are near; before the first page the index by time says where they begin. The sum keeps SQLite from looking for them in the order of `seq`.
    const firstSince = db.selectFrom('audit').select(sql<number>`min(seq + 0)`.as('first'));
    if (since !== undefined && afterSeq === 0) query = query.where('seq', '>=', firstSince.where('time', '>=', since));
    else query = query.where('seq', '>', afterSeq);
    if (of !== undefined) query = query.where('code', '=', of);
    if (actor !== undefined) query = query.where('actor', '=', actor);
    if (subject !== undefined) query = query.where('subject', '=', subject);
    if (since !== undefined) query = query.where('time', '>=', since);
    if (until !== undefined) query = query.where('time', '<', until);
    return query;
  };
  if (code === undefined) return next().execute();
  const [first, ...others] = Object.keys(AUDIT_CODES)
    .filter((each) => each === code || each.startsWith(`${code}.`))
    .map((each) => db.selectFrom(next(each).as('matching')).selectAll());
  if (first === undefined) return Promise.resolve([]);
  return others
    .reduce((all, each) => all.unionAll(each), first)
    .orderBy('seq')
    .limit(limit)
    .execute();
}

function recordOf({ code, detail, ...rest }: Row): AuditRecord {
  if (!isAuditCode(code))
    throw new TunnelError('store.corrupt', `audit row ${rest.seq} has a code that nobody writes`, {
      hint: 'It was written by a newer tunnel, or by hand.',
    });
  return { ...rest, code, detail: readColumn(detail, 'audit.detail', Detail) };
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
