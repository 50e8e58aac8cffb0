// What a person is told of a channel that was cut, on a local port and on standard output alike.
import { TunnelError } from '../base/errors.ts';
import type { Heard } from './session-end.ts';

export function cutError(target: string, heard: Heard | undefined, cause: unknown): TunnelError {
  if (heard) return new TunnelError('link.reset', `${target}: ${heard.message}`, { hint: 'The next connection is judged anew.', cause });
  return new TunnelError('link.reset', `${target}: the connection was reset`, { hint: 'By the target, or because the agent or the gateway went away.', cause });
}
