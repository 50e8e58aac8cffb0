// How a failure is shown: three short lines at most for people, one JSON object for scripts.

import type { TunnelError } from '../base/errors.ts';
import { escapeText } from '../base/escape.ts';

/** What failed and why, then what to do; with `debug` the stack and its causes. */
export function errorText(error: TunnelError, debug: boolean): string {
  const lines = [`error: ${escapeText(error.message)}`];
  if (error.hint !== undefined) lines.push(escapeText(error.hint));
  if (debug) lines.push(...stackLines(error));
  return lines.join('\n');
}

/** In a stream that has begun an error is an event; otherwise it is the one document. */
export function errorJson(error: TunnelError, streaming: boolean): object {
  return streaming ? { event: 'error', error } : { error };
}

function stackLines(error: Error): string[] {
  const own = (error.stack ?? '').split('\n').map(escapeText);
  return error.cause instanceof Error ? [...own, 'caused by:', ...stackLines(error.cause)] : own;
}
