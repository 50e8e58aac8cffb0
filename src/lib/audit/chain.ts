// The hash chain of the audit log: each row's hash covers the row and the hash before it, so that an edited, missing or moved row shows (requirements E11). Pure.
import { createHash } from 'node:crypto';

/** A row as the hash sees it, and as the API shows it. */
export interface ChainedRow {
  readonly seq: number;
  /** RFC 3339 in UTC, with milliseconds. */
  readonly time: string;
  readonly code: string;
  readonly actor: string;
  readonly subject: string;
  readonly detail: Readonly<Record<string, unknown>>;
  /** Null in rows that were kept before there was a chain. */
  readonly hash: string | null;
}

/** A row that was chained. */
export interface Chained extends ChainedRow {
  readonly hash: string;
}

/** The last row that was kept: rows cut off at the end leave it behind. */
export interface ChainHead {
  readonly seq: number;
  readonly hash: string;
}

export interface ChainFault {
  readonly seq: number;
  readonly what: 'edited' | 'missing' | 'out of order' | 'without a hash';
}

/** Before the first row. */
export const NO_HASH = '';

/** SHA-256, lower-case hex, of the JSON list of previous hash, seq, time, code, actor, subject, detail. */
export function chainHash(previous: string, { seq, time, code, actor, subject, detail }: Omit<ChainedRow, 'hash'>): string {
  return createHash('sha256')
    .update(JSON.stringify([previous, seq, time, code, actor, subject, detail]))
    .digest('hex');
}

/** The rows that these events become behind `head`, in their order; `time` in ms since 1970. */
export function chained(
  events: readonly (Pick<ChainedRow, 'code' | 'actor' | 'subject' | 'detail'> & { readonly time: number })[],
  head: ChainHead,
): Chained[] {
  let { seq, hash } = head;
  return events.map(({ time, code, actor, subject, detail }) => {
    seq += 1;
    const row = { seq, time: new Date(time).toISOString(), code, actor, subject, detail };
    hash = chainHash(hash, row);
    return { ...row, hash };
  });
}

/** Fed with every row from the first to the last, in the order in which they come. */
export class ChainVerifier {
  #rows = 0;
  #unchained = 0;
  #seq = 0;
  #hash: string | undefined;
  /** The hash that the next row was chained to is not known. */
  #gap = false;

  get rows(): number {
    return this.#rows;
  }

  /** Rows that are older than the chain. */
  get unchained(): number {
    return this.#unchained;
  }

  /** What is wrong with this row or just before it. A row that was edited is judged by itself: the next one is compared with the hash that stands there. */
  feed(row: ChainedRow): ChainFault[] {
    this.#rows += 1;
    const expected = this.#seq + 1;
    if (row.seq < expected) return [{ seq: row.seq, what: 'out of order' }];
    const faults: ChainFault[] = [];
    if (row.seq > expected) {
      faults.push({ seq: expected, what: 'missing' });
      this.#gap = true;
    }
    this.#seq = row.seq;
    if (row.hash === null) {
      if (this.#hash === undefined) this.#unchained += 1;
      else faults.push({ seq: row.seq, what: 'without a hash' });
      this.#gap = this.#hash !== undefined;
      return faults;
    }
    if (!this.#gap && chainHash(this.#hash ?? NO_HASH, row) !== row.hash) faults.push({ seq: row.seq, what: 'edited' });
    this.#hash = row.hash;
    this.#gap = false;
    return faults;
  }

  /** After the last row. */
  end(head: ChainHead | null): ChainFault[] {
    if (head === null || head.seq <= this.#seq) return [];
    return [{ seq: this.#seq + 1, what: 'missing' }];
  }
}
