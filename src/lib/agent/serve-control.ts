// The agent's part of the conversation on a link's control stream: assigned and advertised routes, sessions, drain; and with them the rules for channels.
import { TunnelError } from '../base/errors.ts';
import type { World } from '../base/world.ts';
import type { IncomingRequest } from '../link/accept-channel.ts';
import { AgentSessions, type SessionOffer } from '../link/agent-sessions.ts';
import type { AgentControl } from '../link/control.ts';
import { channelStreams } from '../link/heartbeat.ts';
import { type ChannelTerms, judgeChannel } from '../policy/channel.ts';
import { parsePorts, portAllowed } from '../policy/ports.ts';
import type {
  Assignment,
  CertRenewalGranted,
  CertRenewalRefused,
  Drain,
  GatewayMessage,
  RouteAdvertise,
  SessionOpen,
  SessionUpdate,
} from '../protocol/messages.ts';
import type { Route } from '../routing/route.ts';
import { formatTarget, type Target } from '../routing/target.ts';
import { verifyMaterial } from '../tokens/session-material.ts';
import type { Link } from '../transport/link.ts';
import { advertisementOf, type Offer, offerToV1, offerWithin } from './advertisement.ts';
import type { Ledger, LinkLedger } from './ledger.ts';
import { type ChannelRules, Channels } from './serve-channels.ts';

/** What the agent says about itself on each of its links. */
export interface AgentSelf {
  readonly agentId: string;
  /** From agent.json, as it is now; empty: whatever the gateway assigns. */
  own(): readonly Route[];
  /** JWKS as JSON text; null refuses every session. */
  readonly sessionKeys: string | null;
  readonly ledger: Ledger;
  domain(): Promise<string | undefined>;
}

export interface ControlEvents {
  /** The gateway has answered behind this advertisement: it knows it. */
  online(advertised: RouteAdvertise): void;
  drain(message: Drain): void;
  /** The gateway wants this link's certificate renewed now. */
  renewNow(): void;
  renewal(answer: CertRenewalGranted | CertRenewalRefused): void;
}

export class ControlServer implements ChannelRules, Disposable {
  readonly channels: Channels;
  readonly #link: Link;
  readonly #control: AgentControl;
  readonly #self: AgentSelf;
  readonly #events: ControlEvents;
  readonly #world: World;
  readonly #sessions: AgentSessions<ChannelTerms>;
  readonly #book: LinkLedger;
  #assignment: Assignment | undefined;
  #offer: Offer = { routes: [], detected: undefined };
  #advertised: RouteAdvertise | undefined;
  /** The timestamp of the heartbeat behind the last advertisement, until its echo is here. */
  #awaitedEcho: bigint | undefined;

  constructor(link: Link, control: AgentControl, self: AgentSelf, events: ControlEvents, world: World) {
    this.#link = link;
    this.#control = control;
    this.#self = self;
    this.#events = events;
    this.#world = world;
    this.#book = self.ledger.onLink(link);
    this.#sessions = new AgentSessions((offer) => this.#judgeMaterial(offer));
    this.channels = new Channels(link, this, this.#book, world);
  }

  /** In force now; undefined before the first. */
  get advertised(): RouteAdvertise | undefined {
    return this.#advertised;
  }

  routes(): readonly Route[] {
    return this.#offer.routes;
  }

  /** Errors `policy.denied`, `session.unknown`. Version 1 knows neither sessions nor assignments: there the gateway alone judges, and the routes here. */
  judge({ sessionId, channel }: IncomingRequest, target: Target, at: number): void {
    if (this.#control.version === 1) return;
    const terms = this.#sessions.grant(sessionId);
    if (terms === undefined) throw new TunnelError('session.unknown', 'no such session is open on this link');
    const verdict = judgeChannel(terms, channel, target, at);
    if (!verdict.allowed) throw new TunnelError('policy.denied', verdict.reason);
    const assigned = this.#assignment !== undefined && portAllowed(this.#assignment.ports, target.port) && this.#assignment.channels.includes(channel);
    if (!assigned) throw new TunnelError('policy.denied', `this agent is not assigned ${channel} to port ${target.port}: ${formatTarget(target)}`);
  }

  /** The link is over: nothing of it is open any more. */
  [Symbol.dispose](): void {
    this.#book[Symbol.dispose]();
  }

  /** Until the gateway ends the stream. Errors as `control.messages` and `control.send`. */
  async converse(): Promise<void> {
    if (this.#control.version === 1) await this.advertise();
    for await (const message of this.#control.messages) await this.#heard(message);
  }

  /** What there is to offer now; before an assignment, nothing yet. Channels that do not fit any more end. Errors as `control.send`. */
  async advertise(): Promise<void> {
    const wishes = await this.#wishes();
    if (this.#control.version === 1) await this.#send(offerToV1(wishes));
    else if (this.#assignment !== undefined) await this.#send(offerWithin(this.#assignment, wishes));
    this.channels.recheck();
  }

  async #heard(message: GatewayMessage): Promise<void> {
    switch (message.kind) {
      case 'assignment':
        this.#assignment = message;
        if (message.renew) this.#events.renewNow();
        return await this.advertise();
      case 'heartbeat-ack':
        return this.#echoed(message.sentAtMs);
      case 'session-open':
        return await this.#openSession(message);
      case 'session-update':
        return await this.#updateSession(message);
      case 'session-close':
        this.#sessions.close(message.sessionId);
        this.#book.sessionEnded(message.sessionId, message.reason);
        return this.channels.endSession(message.sessionId);
      case 'drain':
        return this.#events.drain(message);
      case 'cert-renewal-granted':
      case 'cert-renewal-refused':
        return this.#events.renewal(message);
      case 'hello':
        throw new TunnelError('protocol.violation', 'the gateway said hello twice');
    }
  }

  async #wishes(): Promise<{ own: readonly Route[]; domain: string | undefined }> {
    const domain = await this.#self.domain();
    return { own: this.#self.own(), domain };
  }

  /** The heartbeat behind it proves by its echo that the gateway has read so far: only then the agent can be reached. */
  async #send(offer: Offer): Promise<void> {
    this.#offer = offer;
    this.#advertised = advertisementOf(offer, (this.#advertised?.epoch ?? 0n) + 1n);
    await this.#control.send(this.#advertised);
    this.#awaitedEcho = BigInt(Math.trunc(this.#world.clock.now()));
    await this.#control.send({ kind: 'heartbeat', sentAtMs: this.#awaitedEcho, streams: channelStreams(this.#link) });
  }

  #echoed(sentAtMs: bigint): void {
    if (this.#advertised === undefined || sentAtMs !== this.#awaitedEcho) return;
    this.#awaitedEcho = undefined;
    this.#events.online(this.#advertised);
  }

  async #openSession(message: SessionOpen): Promise<void> {
    const answer = await this.#sessions.offered(message);
    if (answer.kind === 'session-ready') this.#book.sessionOpened(message.sessionId, message.operator);
    else this.#book.sessionRefused(message.sessionId, answer.code, answer.reason);
    await this.#control.send(answer);
  }

  async #updateSession(message: SessionUpdate): Promise<void> {
    const answer = await this.#sessions.offered(message);
    this.channels.recheck();
    await this.#control.send(answer);
  }

  async #judgeMaterial({ sessionId, operator, material }: SessionOffer): Promise<ChannelTerms> {
    const { agentId, sessionKeys } = this.#self;
    if (sessionKeys === null) throw new TunnelError('session.refused', 'this agent has no keys to verify session material; it must be enrolled again');
    const claims = await verifyMaterial(material, sessionKeys, { now: this.#world.clock.now(), agentId });
    if (claims.sessionId !== sessionId || claims.operator !== operator) throw new TunnelError('session.refused', 'the session material is for another session');
    return { targets: claims.targets, kinds: claims.kinds, expiresAt: claims.expiresAt, ports: claims.ports.length === 0 ? [] : parsePorts(claims.ports) };
  }
}
