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

/** Whatever refused a string, said in the same words; other errors as they are. */
export function sameWords(what: What, error: unknown): unknown {
  return error instanceof TunnelError && error.code === 'string.refused' ? refusedString(what, error.cause ?? error.message) : error;
}

/** For the log and the audit row. */
export function whyRefused(error: TunnelError): string {
  return error.cause instanceof Error ? error.cause.message : error.message;
}
