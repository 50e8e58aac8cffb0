// One answer to every one-time string that is not good: whether it is unknown, used, revoked or expired stands only in the log (security.md, T).
import { TunnelError } from '../../base/errors.ts';

type What = 'enrolment' | 'login';

/** `why` becomes the cause, which never leaves the gateway. */
export function refusedString(what: What, why: unknown): TunnelError {
  const cause = why instanceof Error ? why : new Error(String(why));
  return new TunnelError('string.refused', `the ${what} string is unknown, used, revoked or expired`, {
    hint: 'Ask the administrator of the gateway for a new one.',
    cause,
  });
}

/**
 * What a stranger is told: whatever refused a string in the same words, and of a failure of this machine neither path nor reason, which would read as if it were the
 * stranger's own. Both keep what happened as their cause. Other errors as they are.
 */
export function sameWords(what: What, error: unknown): unknown {
  if (!(error instanceof TunnelError)) return error;
  if (error.code === 'string.refused') return refusedString(what, error.cause ?? error.message);
  if (error.code === 'store.busy') return failed('store.busy', 'the gateway is too busy to write anything down', error);
  return error.kind === 'failed' ? failed('internal', `the gateway failed at the ${what}`, error) : error;
}

function failed(code: 'store.busy' | 'internal', message: string, cause: unknown): TunnelError {
  return new TunnelError(code, message, { hint: 'The log of the gateway says more. Run the same command again when it is well.', cause });
}

/** For the log and the audit row. */
export function whyRefused(error: TunnelError): string {
  return error.cause instanceof Error ? error.cause.message : error.message;
}
