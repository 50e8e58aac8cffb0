// Ties the sessions of a token to the connection to the edge: they end with it, also where no channel was ever opened.
import { within } from '../base/deadline.ts';
import { TunnelError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { Clock } from '../base/world.ts';
import { askEdge } from '../link/operator-request.ts';
import type { Link } from '../transport/link.ts';

/** Errors: what the edge refuses with; `link.lost`, `gateway.silent`. */
export async function attach(link: Link, token: string, clock: Clock, signal: AbortSignal): Promise<void> {
  const silent = () => new TunnelError('gateway.silent', 'the gateway did not answer for the session');
  const { stream } = await within(clock, LIMITS.connectTargetMs, silent, signal, (limit) => askEdge(link, { kind: 'operator-attach', token }, clock, limit));
  stream.resume().end();
}
