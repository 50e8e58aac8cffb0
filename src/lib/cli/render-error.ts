// How a failure is shown: three short lines at most for people, one JSON object for scripts.

import type { TunnelError } from '../base/errors.ts';
import { escapeText } from '../base/escape.ts';
import { type Paint, PLAIN } from './colour.ts';

/** What failed and why, then what to do; with `debug` the stack and its causes. */
export function errorLines(error: TunnelError, debug: boolean, paint: Paint = PLAIN): string[] {
  const lines = [paint.failure(`error: ${escapeText(error.message)}`)];
  if (error.hint !== undefined) lines.push(paint.hint(escapeText(error.hint)));
  if (debug) lines.push(...stackLines(error));
  return lines;
}

/** In a stream that has begun an error is an event; otherwise it is the one document. */
export function errorJson(error: TunnelError, streaming: boolean): object {
  return streaming ? { event: 'error', error } : { error };
}

function stackLines(error: Error): string[] {
  const own = (error.stack ?? '').split('\n').map(escapeText);
  return error.cause instanceof Error ? [...own, 'caused by:', ...stackLines(error.cause)] : own;
}
