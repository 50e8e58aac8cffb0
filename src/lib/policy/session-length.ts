// How long a session may be said to last, by a rule of the policy and by the gateway's own limit.
import { parseDuration } from '../base/duration.ts';
import { TunnelError } from '../base/errors.ts';

const SHORTEST_MS = 60_000;

/** Milliseconds. Error `duration.malformed`, naming the field. */
export function parseSessionLength(text: string, field: string): number {
  const ms = parseDuration(text, field);
  if (ms < SHORTEST_MS) throw new TunnelError('duration.malformed', `${field} is at least 1m: ${text}`);
  return ms;
}
