// Whether a one-time string may be spent although its exchange failed: then what was made for it is kept, because only that can ask again.
import { type ErrorCode, TunnelError } from '../base/errors.ts';

/** The answer may have been lost, or `signal` cut the wait for it short. The same command finishes the job within `LIMITS.enrolmentRepeatMs`. */
export function mayBeSpent(error: unknown, signal: AbortSignal): boolean {
  if (signal.aborted || !(error instanceof TunnelError)) return true;
  return error.kind === 'unreachable' || error.kind === 'timeout' || MAY_BE_WRITTEN.has(error.code);
}

/** The gateway failed, perhaps after it had written; or this machine did, after the answer. */
const MAY_BE_WRITTEN: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['internal', 'store.busy', 'file.failed']);
