// Reads the whole audit log and judges its hash chain, page by page, on the side of whoever asks.
import { type ChainFault, type ChainHead, ChainVerifier } from '../audit/chain.ts';
import type { ApiClient } from './client.ts';

export interface AuditVerdict {
  readonly rows: number;
  /** Rows that are older than the chain: nothing can be said of them. */
  readonly unchained: number;
  /** The first hundred. */
  readonly faults: readonly ChainFault[];
  /** To be compared with one that was noted elsewhere: whoever rewrites the whole log changes it. */
  readonly head: ChainHead | null;
}

const ROWS_AT_ONCE = 1000;
const MOST_FAULTS = 100;

/** Rows that are added meanwhile are judged too. Errors of the API. */
export async function verifyAudit(client: Pick<ApiClient, 'audit'>, signal: AbortSignal): Promise<AuditVerdict> {
  const verifier = new ChainVerifier();
  const faults: ChainFault[] = [];
  let after = '0';
  for (;;) {
    const page = await client.audit({ after, limit: ROWS_AT_ONCE }, signal);
    for (const row of page.rows) faults.push(...verifier.feed(row));
    if (page.next === null) {
      faults.push(...verifier.end(page.head));
      return { rows: verifier.rows, unchained: verifier.unchained, faults: faults.slice(0, MOST_FAULTS), head: page.head };
    }
    faults.length = Math.min(faults.length, MOST_FAULTS);
    after = page.next;
  }
}
