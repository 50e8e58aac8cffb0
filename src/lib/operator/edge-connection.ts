// The operator's connection to an edge: each stream of it is one channel, and one of them tells what becomes of the sessions.
import { within } from '../base/deadline.ts';
import { TunnelError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { Timer, World } from '../base/world.ts';
import type { FirstBytes } from '../link/first-bytes.ts';
import { askEdge, hearNotice } from '../link/operator-request.ts';
import type { EdgeNotice } from '../protocol/operator.ts';
import type { MuxLink } from '../transport/mux/link.ts';
import { dialEdge } from './dial-edge.ts';
import { type Channel, openChannel } from './open-channel.ts';

export interface EdgeConnection {
  /** Settles once, with why. Never rejects. */
  readonly closed: Promise<string>;
  /** Shows the token, so that its sessions end with the connection and not before it; notices come from now on. Errors: what the edge refuses with; `link.lost`, `gateway.silent`. */
  attach(request: { readonly token: string; readonly active: boolean }, onNotice: (notice: EdgeNotice) => void, signal: AbortSignal): Promise<void>;
  /** A channel to a canonical target. Errors as `openChannel`; `link.lost` too when nothing at all is heard of the gateway meanwhile. */
  open(target: string, token: string, signal: AbortSignal, first?: FirstBytes): Promise<Channel>;
  /** As last measured, while nothing else was sent; in ms. */
  roundTripMs(): number | undefined;
  close(): Promise<void>;
}

/** Errors as `dialEdge`. */
export async function connectEdge(where: string, caPem: string, world: World, signal: AbortSignal): Promise<EdgeConnection> {
  return edgeConnection(await dialEdge(where, caPem, world, signal), world);
}

function edgeConnection(link: MuxLink, { clock, log }: World): EdgeConnection {
  const silent = () => new TunnelError('gateway.silent', 'the gateway did not answer for the session');
  const over = new AbortController();
  const closed = link.closed.then(({ reason, by }) => {
    over.abort(new TunnelError('link.lost', 'the connection to the gateway was lost'));
    return reason || by;
  });
  const unanswered = new Set<AbortController>();
  let timer: Timer | undefined;
  const rest = () => {
    timer?.cancel();
    timer = undefined;
  };
  /** A dead link is known for it after 10 s; who waits for an answer on one that is silent when it should not be asks elsewhere before. */
  const suspect = () => {
    const left = link.lastReceived() + LIMITS.suspectLinkMs - clock.monotonic();
    timer = left > 0 ? clock.after(left, suspect) : undefined;
    if (left > 0) return;
    for (const asking of unanswered) asking.abort(new TunnelError('link.lost', 'nothing is heard of the gateway', { hint: 'Is the network there?' }));
  };
  return {
    closed,
    async attach({ token, active }, onNotice, signal) {
      const request = { kind: 'operator-attach', token, active: active || undefined } as const;
      const { stream } = await within(clock, LIMITS.connectTargetMs, silent, signal, (limit) => askEdge(link, request, clock, limit));
      stream.end();
      const listen = async (): Promise<void> => {
        for (let notice = await hearNotice(stream, clock, over.signal); notice; notice = await hearNotice(stream, clock, over.signal)) onNotice(notice);
      };
      listen().catch((error: unknown) => log.debug({ error }, 'no more notices'));
    },
    async open(target, token, signal, first) {
      const asking = new AbortController();
      const passOn = () => asking.abort(signal.reason);
      signal.throwIfAborted();
      signal.addEventListener('abort', passOn, { once: true });
      unanswered.add(asking);
      timer ??= clock.after(LIMITS.suspectLinkMs, suspect);
      try {
        return await openChannel(link, target, token, clock, asking.signal, first);
      } finally {
        signal.removeEventListener('abort', passOn);
        unanswered.delete(asking);
        if (unanswered.size === 0) rest();
      }
    },
    roundTripMs: () => link.roundTripMs,
    close: () => link.close(0, 'the operator has finished'),
  };
}
