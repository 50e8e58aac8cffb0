// The channels of one link, at the agent: each judged, its target dialled, its bytes carried until both directions have ended, and ended with its session.

import { unlessAborted } from '../base/deadline.ts';
import { TunnelError } from '../base/errors.ts';
import type { SocketAddress, TcpSocket, World } from '../base/world.ts';
import { acceptChannel, type IncomingChannel, type IncomingRequest } from '../link/accept-channel.ts';
import { RESET } from '../link/version.ts';
import { judgeAddress } from '../policy/address-guard.ts';
import { refusalOf } from '../protocol/refusal.ts';
import type { Route } from '../routing/route.ts';
import { parseAddress } from '../routing/subnet.ts';
import { formatTarget, parseTarget, type Target } from '../routing/target.ts';
import { formatAddressPort } from '../streams/happy-eyeballs.ts';
import { type Carried, splice } from '../streams/splice.ts';
import { type Link, type LinkStream, StreamReset } from '../transport/link.ts';
import { type DialWatch, dialTarget, isNamed } from './dial-target.ts';
import type { LinkLedger } from './ledger.ts';

export interface ChannelRules {
  /** As advertised now. */
  routes(): readonly Route[];
  /** Throws a TunnelError where session or assignment do not allow it. `at` in wall-clock ms. */
  judge(request: IncomingRequest, target: Target, at: number): void;
}

/** Its two methods change when dialling is over and bytes flow. */
interface OpenChannel {
  readonly sessionId: string;
  /** Throws where it would no longer be allowed. */
  recheck: () => void;
  end: (reason: TunnelError) => void;
}

/** One for all channels: each of them ends. */
const GIVEN_UP = new TunnelError('interrupted', 'the gateway gave the channel up');

export class Channels {
  readonly #link: Link;
  readonly #rules: ChannelRules;
  readonly #book: LinkLedger;
  readonly #world: World;
  readonly #open = new Set<OpenChannel>();
  #nextEnd = Promise.withResolvers<void>();

  constructor(link: Link, rules: ChannelRules, book: LinkLedger, world: World) {
    this.#link = link;
    this.#rules = rules;
    this.#book = book;
    this.#world = world;
  }

  /** Those that are being dialled or carry bytes. */
  get size(): number {
    return this.#open.size;
  }

  /** Resolves when there are none; an abort rejects with the signal's reason. */
  async idle(signal: AbortSignal): Promise<void> {
    while (this.#open.size > 0) await unlessAborted(this.#nextEnd.promise, signal);
  }

  /** Takes the gateway's streams until the link is lost or the signal aborts, and rejects with that. */
  async serve(signal: AbortSignal): Promise<never> {
    for (;;) {
      const stream = await this.#link.acceptStream(signal);
      void this.#serveStream(stream, signal);
    }
  }

  endSession(sessionId: string): void {
    for (const channel of this.#open) if (channel.sessionId === sessionId) channel.end(new TunnelError('session.unknown', 'the session was closed'));
  }

  /** Ends what is no longer allowed, after routes, terms or the assignment have changed. */
  recheck(): void {
    for (const channel of this.#open) {
      try {
        channel.recheck();
      } catch (error) {
        channel.end(asTunnelError(error));
      }
    }
  }

  /** Never rejects. */
  async #serveStream(stream: LinkStream, signal: AbortSignal): Promise<void> {
    try {
      const channel = await acceptChannel(this.#link, stream, this.#world, signal);
      await this.#serveChannel(channel, stream, signal);
    } catch (error) {
      if (!signal.aborted) this.#world.log.warn({ error, stream: stream.streamId }, 'a stream brought no request');
    }
  }

  async #serveChannel(channel: IncomingChannel, stream: LinkStream, signal: AbortSignal): Promise<void> {
    const { request } = channel;
    const { log } = this.#world;
    const fields = { session: request.sessionId, channel: request.channelId, target: request.target };
    const dialling = new AbortController();
    const giveUp = (reason: TunnelError) => dialling.abort(reason);
    const linkEnds = () => giveUp(new TunnelError('agent.offline', 'the agent is stopping'));
    const streamEnds = () => giveUp(GIVEN_UP);
    const open: OpenChannel = { sessionId: request.sessionId, recheck: () => {}, end: giveUp };
    this.#open.add(open);
    signal.addEventListener('abort', linkEnds, { once: true });
    stream.once('close', streamEnds);
    if (stream.destroyed) streamEnds();
    const watch: DialWatch = {};
    let noted = { channelId: request.channelId, sessionId: request.sessionId, target: 'malformed' };
    let carried: Carried | undefined;
    try {
      const target = parseTarget(request.target);
      noted = { ...noted, target: formatTarget(target) };
      const openedAt = this.#world.clock.now();
      this.#rules.judge(request, target, openedAt);
      const { socket, to } = await dialTarget(target, this.#rules.routes(), this.#world, dialling.signal, watch);
      open.recheck = () => this.#judgeAgain(request, target, openedAt, to);
      open.end = (reason) => {
        log.info({ ...fields, reason: reason.message }, 'channel is no longer allowed');
        stream.destroy(new StreamReset(RESET.sessionEnded));
      };
      log.debug({ ...fields, to: formatAddressPort(to) }, 'channel opened');
      carried = { aToB: 0, bToA: 0 };
      this.#book.channelOpened(noted, formatAddressPort(to));
      await carry(channel.accept(formatAddressPort(to), watch), socket, carried);
      this.#book.channelEnded(noted, { up: carried.aToB, down: carried.bToA }, 'closed');
      log.debug(fields, 'channel ended');
    } catch (error) {
      log.info({ ...fields, error }, 'channel failed');
      const told = asTunnelError(error);
      if (carried) this.#book.channelEnded(noted, { up: carried.aToB, down: carried.bToA }, error instanceof Error ? error.message : 'failed');
      else this.#book.channelRefused(noted, told.code, told.message);
      channel.refuse(refusalOf(told), told.message, watch); // Nothing is sent where the stream has ended already.
    } finally {
      this.#open.delete(open);
      this.#nextEnd.resolve();
      this.#nextEnd = Promise.withResolvers();
      signal.removeEventListener('abort', linkEnds);
      stream.off('close', streamEnds);
    }
  }

  /** By the terms of now, at the time of then: material is short-lived, and what was opened under it may outlive it. */
  #judgeAgain(request: IncomingRequest, target: Target, openedAt: number, to: SocketAddress): void {
    this.#rules.judge(request, target, openedAt);
    const routes = this.#rules.routes();
    const verdict = judgeAddress(parseAddress(to.address) ?? new Uint8Array(), routes, isNamed(target.host, routes));
    if (!verdict.allowed) throw new TunnelError('route.none', verdict.reason);
  }
}

/** A reset by the target becomes one with a code of its own, before the splice turns it into an unspecified one. */
async function carry(stream: LinkStream, socket: TcpSocket, carried: Carried): Promise<void> {
  socket.once('error', () => stream.destroy(new StreamReset(RESET.targetReset)));
  await splice(stream, socket, carried);
}

function asTunnelError(error: unknown): TunnelError {
  return error instanceof TunnelError ? error : new TunnelError('agent.failed', 'the agent failed', { cause: error });
}
