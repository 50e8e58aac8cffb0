// One operator's request from plan to last byte: the ways tried in order, the first that connects spliced with the operator's side, all of it reported to control.
import type { Duplex } from 'node:stream';
import { unlessAborted } from '../../base/deadline.ts';
import { type ErrorCode, messageOf, TunnelError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { SocketAddress, World } from '../../base/world.ts';
import type { FirstBytes } from '../../link/first-bytes.ts';
import { openChannel } from '../../link/open-channel.ts';
import { RESET } from '../../link/version.ts';
import type { ChannelTiming } from '../../protocol/refusal.ts';
import type { Connected } from '../../streams/http-proxy.ts';
import { reset } from '../../streams/reset.ts';
import { type Carried, splice } from '../../streams/splice.ts';
import { type LinkStream, StreamReset } from '../../transport/link.ts';
import type { AttachRequest, ChannelEvent, ConnectRequest, ControlForEdge, Plan, Way } from '../contract.ts';
import { Activity } from './activity.ts';
import type { AgentLink } from './agent-link.ts';
import { DirectWays } from './direct.ts';
import { Notices } from './front/notices.ts';
import type { Links } from './links.ts';

/** For our own CLI, which can show more than a plain client. */
interface CarriedTo extends Connected {
  readonly said: ChannelTiming & { readonly address: string | undefined };
}

interface OpenWay {
  readonly stream: Duplex;
  readonly address: string | null;
  readonly timing: ChannelTiming;
  /** Aborts when the session ends. */
  readonly session: AbortSignal;
  /** Resets the stream. */
  readonly cut: () => unknown;
  /** When nothing more is carried. */
  readonly over: () => void;
}

const AGENT_IS_AWAY: readonly ErrorCode[] = ['agent.offline', 'link.lost', 'streams.exhausted'];

export class Carrier {
  readonly #control: ControlForEdge;
  readonly #links: Links;
  readonly #world: World;
  /** Who hears why its sessions end. */
  readonly notices = new Notices();
  readonly direct: DirectWays;
  readonly #activity: Activity;
  /** By channel id: cuts it, saying why. */
  readonly #cuts = new Map<string, (reason: string) => void>();
  #refusing: string | undefined;
  #open = 0;
  #whenEmpty = Promise.withResolvers<void>();

  constructor(control: ControlForEdge, links: Links, world: World) {
    this.#control = control;
    this.#links = links;
    this.#world = world;
    this.direct = new DirectWays(world);
    this.#activity = new Activity((moved) => this.#report({ kind: 'active', ...moved }), world.clock);
  }

  /** From here on every request is `gateway.stopping`. Resolves when the last one that is under way has ended. */
  async refuse(reason: string): Promise<void> {
    this.#refusing = reason;
    if (this.#open > 0) await this.#whenEmpty.promise;
  }

  /** Errors: control's, or the last way's with target and agent named; the signal's reason when the operator leaves; `link.reset` where `first` may have arrived. */
  async connect(request: ConnectRequest, signal: AbortSignal, first?: FirstBytes): Promise<CarriedTo> {
    if (this.#refusing !== undefined) throw new TunnelError('gateway.stopping', this.#refusing, { hint: 'Try again in a moment.' });
    this.#open += 1;
    try {
      return await this.#connect(request, signal, first);
    } catch (error) {
      this.#ended();
      throw error;
    }
  }

  /** Those that carry bytes now. */
  endChannels(channelIds: readonly string[], reason: string): void {
    for (const channelId of channelIds) this.#cuts.get(channelId)?.(reason);
  }

  /** Error `session.refused`. */
  attach(request: AttachRequest): Promise<void> {
    return this.#control.attach(request);
  }

  /** The operator's connection has ended, and whatever it asked for is answered. */
  detach(connection: string): void {
    this.#control.detach(connection).catch((error: unknown) => this.#world.log.error({ error, connection }, 'the end of a connection was not heard'));
  }

  /** An agent whose link we ended ourselves a moment ago is neither offline nor full: it is asked again when it is back. */
  async #connect(request: ConnectRequest, signal: AbortSignal, first?: FirstBytes): Promise<CarriedTo> {
    const attempt = async () => await this.#tryWays(await this.#control.authorise(request), signal, first);
    try {
      return await attempt();
    } catch (error) {
      const renewals = this.#links.renewals();
      if (renewals === undefined || !(error instanceof TunnelError) || !AGENT_IS_AWAY.includes(error.code)) throw error;
      await unlessAborted(renewals, signal);
      return await attempt();
    }
  }

  async #tryWays(plan: Plan, signal: AbortSignal, first?: FirstBytes): Promise<CarriedTo> {
    let failure: TunnelError | undefined;
    for (const [index, way] of plan.ways.entries()) {
      try {
        const open = await this.#tryWay(plan, way, signal, first);
        this.#report({ kind: 'opened', ...named(plan, way), agent: way.agent, target: way.target, address: open.address });
        const said = { ...open.timing, address: open.address ?? undefined };
        return { agent: way.agent, said, carry: (operator) => this.#carry(operator, open, plan, way, first?.length) };
      } catch (error) {
        failure = this.#understand(error, way);
        const last = signal.aborted || first?.unaccounted || index === plan.ways.length - 1;
        this.#report({ kind: 'refused', ...named(plan, way), agent: way.agent, target: way.target, code: failure.code, reason: failure.message, last });
        signal.throwIfAborted();
        if (first?.unaccounted) throw cutEarly(failure);
      }
    }
    throw failure ?? new TunnelError('internal', 'the plan has no way');
  }

  /** A link that ends while it is asked, or has no stream to give, is not the last word where its agent has another. */
  async #tryWay(plan: Plan, way: Way, signal: AbortSignal, first?: FirstBytes): Promise<OpenWay> {
    signal.throwIfAborted();
    if (way.direct) return await this.#openDirect(way, way.direct, signal, first);
    const link = this.#links.carrying(way);
    try {
      return await this.#openOn(link, plan, way, signal, first);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof TunnelError) || (error.code !== 'link.lost' && error.code !== 'streams.exhausted')) throw error;
      if (link.wornOut({ refused: error.code === 'streams.exhausted' })) this.#links.renew(link, LIMITS.wornLinkGraceMs);
      const other = this.#links.another(link);
      if (other === undefined || first?.unaccounted) throw error;
      return await this.#openOn(other, plan, way, signal, first);
    }
  }

  async #openOn(link: AgentLink, plan: Plan, way: Way, signal: AbortSignal, first?: FirstBytes): Promise<OpenWay> {
    const held = link.holdChannel();
    try {
      const alive = AbortSignal.any([signal, link.lost]);
      const session = await link.sessions.ensure(way.session, alive);
      const request = { sessionId: way.session.sessionId, channelId: plan.channelId, target: way.target };
      const channel = await openChannel(link.link, request, this.#world, AbortSignal.any([alive, session]), first);
      const cut = () => channel.stream.destroy(new StreamReset(RESET.sessionEnded));
      return { ...channel, session, cut, over: () => this.#over(link, channel.stream, held) };
    } catch (error) {
      held[Symbol.dispose]();
      throw error;
    }
  }

  async #openDirect(way: Way, addresses: readonly SocketAddress[], signal: AbortSignal, first?: FirstBytes): Promise<OpenWay> {
    const { socket, address, session } = await this.direct.open(way, addresses, signal);
    first?.sendLate(socket);
    return { stream: socket, address, timing: {}, session, cut: () => reset(socket, new StreamReset(RESET.sessionEnded)), over: () => {} };
  }

  #over(link: AgentLink, stream: LinkStream, held: Disposable): void {
    link.countLeak(stream);
    if (link.wornOut({ refused: false })) this.#links.renew(link, LIMITS.replacedLinkGraceMs);
    held[Symbol.dispose]();
  }

  async #carry(operator: Duplex, { stream, session, cut, over }: OpenWay, plan: Plan, way: Way, sent = 0): Promise<void> {
    const carried: Carried = { aToB: sent, bToA: 0 };
    session.addEventListener('abort', cut, { once: true });
    const { channelId, sessionId } = named(plan, way);
    const watched = this.#activity.watch({ channelId, sessionId }, carried);
    let reason = 'ended';
    let cutFor: string | undefined;
    this.#cuts.set(channelId, (why) => {
      cutFor = why;
      cut();
    });
    try {
      const done = splice(operator, stream, carried);
      if (session.aborted) cut();
      await done;
    } catch (error) {
      reason = cutFor ?? messageOf(session.aborted ? session.reason : error);
      this.#world.log.debug({ channel: plan.channelId, agent: way.agent, target: way.target, error }, 'channel cut');
    }
    session.removeEventListener('abort', cut);
    this.#cuts.delete(channelId);
    over();
    watched[Symbol.dispose]();
    this.#report({ kind: 'ended', channelId, sessionId, bytesUp: carried.aToB, bytesDown: carried.bToA, reason });
    this.#ended();
  }

  #ended(): void {
    this.#open -= 1;
    if (this.#open > 0) return;
    this.#whenEmpty.resolve();
    this.#whenEmpty = Promise.withResolvers();
  }

  /** Not waited for: control takes events in the order of the calls. */
  #report(event: ChannelEvent): void {
    this.#control.report(event).catch((error: unknown) => this.#world.log.error({ error, event }, 'report lost'));
  }

  #understand(error: unknown, way: Way): TunnelError {
    if (error instanceof TunnelError) {
      return new TunnelError(error.code, `${way.target} through ${way.agent}: ${error.message}`, { hint: error.hint, cause: error });
    }
    if (error instanceof StreamReset)
      return new TunnelError('agent.failed', `${way.target} through ${way.agent}: the agent reset the stream`, { cause: error });
    this.#world.log.error({ error, agent: way.agent, target: way.target }, 'opening a channel failed');
    return new TunnelError('internal', `${way.target} through ${way.agent}: the gateway failed`, { cause: error });
  }
}

/** Not to be tried again, by anybody: what the client had said may have arrived. */
function cutEarly(cause: TunnelError): TunnelError {
  return new TunnelError('link.reset', cause.message, { hint: 'What the client had said by then may have arrived.', cause });
}

function named(plan: Plan, way: Way): { channelId: string; sessionId: string } {
  return { channelId: plan.channelId, sessionId: way.session.sessionId };
}
