// Ties the sessions of a token to the connection to the edge: they end with it, also where no channel was ever opened, and on it comes word of their end.
import { within } from '../base/deadline.ts';
import { TunnelError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { Clock } from '../base/world.ts';
import { askEdge, hearNotice } from '../link/operator-request.ts';
import type { EdgeNotice } from '../protocol/operator.ts';
import type { Link, LinkStream } from '../transport/link.ts';

export type OnNotice = (notice: EdgeNotice) => void;

/** `onNotice` is called for as long as the connection lives. Errors: what the edge refuses with; `link.lost`, `gateway.silent`. */
export async function attach(link: Link, token: string, onNotice: OnNotice, clock: Clock, signal: AbortSignal): Promise<void> {
  const silent = () => new TunnelError('gateway.silent', 'the gateway did not answer for the session');
  const { stream } = await within(clock, LIMITS.connectTargetMs, silent, signal, (limit) => askEdge(link, { kind: 'operator-attach', token }, clock, limit));
  stream.end();
  listen(stream, onNotice, clock).catch(() => {}); // the connection has ended, and whoever uses it notices
}

async function listen(stream: LinkStream, onNotice: OnNotice, clock: Clock): Promise<void> {
  const never = new AbortController();
  for (;;) {
    const notice = await hearNotice(stream, clock, never.signal);
    if (notice === undefined) return;
    onNotice(notice);
  }
}
