// The operator's way to an edge: one connection, made when first needed and again when it was lost; each stream on it is one channel.
import { unlessAborted } from '../base/deadline.ts';
import { TunnelError } from '../base/errors.ts';
import type { World } from '../base/world.ts';
import type { Link } from '../transport/link.ts';
import { attach, type OnNotice } from './attach.ts';
import { dialEdge } from './dial-edge.ts';
import { type Channel, openChannel } from './open-channel.ts';

export interface Connector extends AsyncDisposable {
  /** Makes the connection now and shows the token on it, so that the session ends with it even without a channel. Errors: those of `dialEdge`, and what the gateway refuses with. */
  ready(signal: AbortSignal): Promise<void>;
  /** A channel to a canonical target. Errors: those of `dialEdge`, and what the gateway refuses with. */
  connectTarget(target: string, signal: AbortSignal): Promise<Channel>;
}

export interface ConnectorOptions {
  /** host:port of the gateway, as the session grant names it. */
  readonly connect: string;
  /** Of the moment: a CA may be replaced while the session lasts. */
  readonly caPem: () => string;
  /** The session token of the moment. */
  readonly token: () => string;
  /** Word of the end of a session; where it is wanted, every connection attaches. */
  readonly onNotice?: OnNotice;
}

export function createConnector({ connect, caPem, token, onNotice }: ConnectorOptions, world: World): Connector {
  let current: Promise<Link> | undefined;
  let attached: Link | undefined;
  const closing = new AbortController();

  const linked = (): Promise<Link> => {
    if (current !== undefined) return current;
    const made = dialEdge(connect, caPem(), world, closing.signal);
    const forget = () => {
      if (current === made) current = undefined;
    };
    current = made;
    made.then((alive) => alive.closed.then(forget), forget);
    return made;
  };
  const attachTo = (link: Link, signal: AbortSignal) => attach(link, token(), onNotice ?? (() => {}), world.clock, signal);
  /** A connection that was made again attaches beside its first channel. */
  const again = async (signal: AbortSignal): Promise<Link> => {
    const link = await unlessAborted(linked(), signal);
    if (onNotice && link !== attached) {
      attached = link;
      attachTo(link, closing.signal).catch((error: unknown) => world.log.info({ error }, 'not attached again'));
    }
    return link;
  };

  const connectTarget = async (target: string, signal: AbortSignal): Promise<Channel> => {
    const kept = current;
    try {
      return await openChannel(await again(signal), target, token(), world.clock, signal);
    } catch (error) {
      const unanswered = error instanceof TunnelError && (error.code === 'link.lost' || error.code === 'gateway.silent');
      if (unanswered && current === kept) current = undefined;
      // Lost unnoticed, a laptop's sleep for example: nothing was answered on it, so asking once more on a new connection is safe.
      if (kept === undefined || !(unanswered && error.code === 'link.lost') || signal.aborted) throw error;
      return await openChannel(await again(signal), target, token(), world.clock, signal);
    }
  };

  return {
    connectTarget,
    async ready(signal) {
      const link = await unlessAborted(linked(), signal);
      await attachTo(link, signal);
      attached = link;
    },
    async [Symbol.asyncDispose]() {
      closing.abort(new TunnelError('interrupted', 'the connection to the gateway was closed'));
      const alive = await current?.catch(() => undefined);
      await alive?.close(0, 'the operator has finished');
    },
  };
}
