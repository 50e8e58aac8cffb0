// What a person is told of a channel that was cut, on a local port and on standard output alike.
import { TunnelError } from '../base/errors.ts';
import type { Heard } from './session-end.ts';

/** What its client had said already cannot be taken back, and is not said twice. */
export function cutEarly(target: string, cause: TunnelError): TunnelError {
  const hint = 'Whether its first bytes arrived is not known: the program that sent them decides whether to try again.';
  return new TunnelError('link.reset', `${target}: the connection was cut while it was made: ${cause.message}`, { hint, cause });
}

export function cutError(target: string, heard: Heard | undefined, cause: unknown): TunnelError {
  if (heard) return new TunnelError('link.reset', `${target}: ${heard.message}`, { hint: 'The next connection is judged anew.', cause });
  return new TunnelError('link.reset', `${target}: the connection was reset`, { hint: 'By the target, or because the agent or the gateway went away.', cause });
}
