// The audit log as it grows: what is there, then each row as it comes.
import type { Clock } from '../base/world.ts';
import type { AuditFilter, AuditRow } from './audit.ts';
import type { ApiClient } from './client.ts';
import type { PageQuery } from './shapes.ts';

const LOOK_AGAIN_MS = 500;

/** Ends only by an abort of `signal`, whose reason it throws, or by an error of the API. */
export async function* followAudit(
  client: Pick<ApiClient, 'audit'>,
  query: PageQuery & AuditFilter,
  clock: Pick<Clock, 'sleep'>,
  signal: AbortSignal,
): AsyncGenerator<AuditRow, never> {
  let { after = '0' } = query;
  for (;;) {
    const { rows, next } = await client.audit({ ...query, after }, signal);
    yield* rows;
    after = String(rows.at(-1)?.seq ?? after);
    if (next === null) await clock.sleep(LOOK_AGAIN_MS, signal);
    signal.throwIfAborted();
  }
}
