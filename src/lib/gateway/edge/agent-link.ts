// One admitted link: its control stream served in both directions, its sessions, and how many channels it carries.

import { X509Certificate } from 'node:crypto';
import { unlessAborted } from '../../base/deadline.ts';
import { TunnelError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { World } from '../../base/world.ts';
import { type GatewayControl, gatewayControl } from '../../link/control.ts';
import { type CLOSE, closeLink, versionOf } from '../../link/version.ts';
import type { AgentMessage, Hello, RouteAdvertise } from '../../protocol/messages.ts';
import type { Link, LinkStream } from '../../transport/link.ts';
import type { Admission, Assignment, ControlForEdge, RenewalRequest, SessionLease } from '../contract.ts';
import { type Paced, paced } from './paced.ts';
import { LinkSessions } from './sessions.ts';

/** Control hears of signs of life, and of advertisements, at most this often; of several the last. */
const PACE_MS = 1000 / LIMITS.advertisementsPerSecond;

export class AgentLink {
  readonly id: string;
  readonly agentId: string;
  readonly agent: string;
  readonly link: Link;
  /** Aborts with `link.lost` when the link ends. */
  readonly lost: AbortSignal;
  readonly #control: ControlForEdge;
  readonly #world: World;
  #assignment: Assignment;
  /** Its certificate is of a CA that issues no more. */
  #outdated = false;
  #stream: GatewayControl | undefined;
  #sessions: LinkSessions | undefined;
  #channels = 0;
  #leaked = 0;
  #ready = false;
  #retiring: { readonly at: number; readonly cancel: () => void } | undefined;
  #whenIdle: (() => void) | undefined;

  constructor(link: Link, admission: Admission, control: ControlForEdge, world: World) {
    const lost = new AbortController();
    this.id = admission.linkId;
    this.agentId = admission.agentId;
    this.agent = admission.agent;
    this.link = link;
    this.lost = lost.signal;
    this.#assignment = admission.assignment;
    this.#control = control;
    this.#world = { ...world, log: world.log.child({ agent: admission.agent, link: admission.linkId }) };
    void link.closed.then(({ by, reason }) => lost.abort(new TunnelError('link.lost', `the link of ${admission.agent} ended: ${reason || by}`)));
  }

  /** Serves the control stream until the link ends; rejects with what ended it, `link.lost` and `agent.flapping` included. `ready` once, when control has its first advertisement. */
  async serve(hello: Hello, ready: () => void): Promise<void> {
    const stream = await gatewayControl(this.link, hello, this.#world, this.lost);
    this.#sessions = new LinkSessions(stream, this.#world.clock);
    if (stream.peer !== undefined) await this.#control.introduce(this.id, stream.peer);
    this.#stream = stream;
    await this.#sendAssignment();
    using alive = paced(PACE_MS, this.#world, () => this.#control.alive(this.id));
    using advertise = paced(PACE_MS, this.#world, async (wish: RouteAdvertise) => {
      await this.#control.advertise(this.id, this.#bounded(wish));
      if (!this.#ready) ready();
      this.#ready = true;
    });
    for await (const message of stream.messages) await this.#hear(message, stream, this.#sessions, { alive, advertise });
  }

  /** What may open channels here. Error `agent.offline` until the control stream stands. */
  get sessions(): LinkSessions {
    if (this.#sessions === undefined) throw new TunnelError('agent.offline', `${this.agent} is still introducing itself`);
    return this.#sessions;
  }

  /** Nothing to do where the session is not open here. */
  async endSession(sessionId: string, reason: string): Promise<void> {
    await this.#sessions?.end(sessionId, reason);
  }

  /** Nothing to do where the session is not open here. */
  updateSession(lease: SessionLease): void {
    this.#sessions?.update(lease);
  }

  async assign(assignment: Assignment): Promise<void> {
    this.#assignment = assignment;
    await this.#sendAssignment();
  }

  /** Another CA issues from now on. Version 1 has no word for it. */
  async follow(issuer: X509Certificate): Promise<void> {
    const outdated = !issuedBy(this.link.peerCertificate, issuer);
    if (outdated === this.#outdated) return;
    this.#outdated = outdated;
    await this.#sendAssignment();
  }

  /** Asks the agent to move; version 1 has no word for it. */
  async askToMove(delayMs: number, reason: string): Promise<void> {
    if (this.#stream?.version === 2) await this.#stream.send({ kind: 'drain', delayMs, reason });
  }

  /** Control knows what it carries. */
  get ready(): boolean {
    return this.#ready;
  }

  /** It ends soon: whatever is new is better off on another link, where there is one. */
  get retiring(): boolean {
    return this.#retiring !== undefined;
  }

  /** It carries nothing. */
  get idle(): boolean {
    return this.#channels === 0;
  }

  /** Counts a channel until it is disposed of. */
  holdChannel(): Disposable {
    this.#channels += 1;
    let held = true;
    return {
      [Symbol.dispose]: () => {
        if (!held) return;
        held = false;
        this.#channels -= 1;
        if (this.#channels === 0) this.#whenIdle?.();
      },
    };
  }

  /** A channel is over here. Stock agents keep their side while the target is silent, and each such stream is lost to the link for good (reference.md, 6). */
  countLeak({ readableEnded }: LinkStream): void {
    if (versionOf(this.link) === 1 && !readableEnded) this.#leaked += 1;
  }

  /** Whether streams that the agent keeps, not channels that run, are what it has no room for. `refused`: it gave no stream just now. */
  wornOut({ refused }: { readonly refused: boolean }): boolean {
    if (versionOf(this.link) === 2) return false;
    return this.#leaked >= LIMITS.leakedStreamsV1 || (refused && this.#leaked >= this.#channels);
  }

  /** It ends with its last channel, whenever that is, and counts as before until then. */
  endWhenIdle(reason: string, ending: () => void): void {
    if (this.#retiring !== undefined) return;
    this.#whenIdle = () => {
      this.#whenIdle = undefined;
      ending();
      this.#close('ended', reason);
    };
    if (this.idle) this.#whenIdle();
  }

  /** It ends with its last channel, or when the grace has passed; `ending` is called then, just before. Again only to end sooner; `restore` takes it back. */
  retire(graceMs: number, why: 'replaced' | 'stopping' | 'ended', reason: string, ending: () => void = () => {}): void {
    const at = this.#world.clock.monotonic() + graceMs;
    if (this.#retiring !== undefined && this.#retiring.at <= at) return;
    this.restore();
    const timer = this.#world.clock.after(graceMs, () => close());
    const cancel = () => timer.cancel();
    const close = () => {
      cancel();
      this.#whenIdle = undefined;
      ending();
      this.#close(why, reason);
    };
    this.lost.addEventListener('abort', cancel, { once: true });
    this.#retiring = { at, cancel };
    this.#whenIdle = close;
    if (this.idle) close();
  }

  /** The newer link is gone: this one counts again. */
  restore(): void {
    this.#retiring?.cancel();
    this.#retiring = undefined;
    this.#whenIdle = undefined;
  }

  #close(why: keyof typeof CLOSE, reason: string): void {
    closeLink(this.link, why, reason).catch((error: unknown) => this.#world.log.warn({ error }, 'link not closed'));
  }

  async #hear(
    message: AgentMessage,
    stream: GatewayControl,
    sessions: LinkSessions,
    control: { readonly alive: Paced<undefined>; readonly advertise: Paced<RouteAdvertise> },
  ): Promise<void> {
    switch (message.kind) {
      case 'route-advertise':
        control.advertise.give(message);
        return control.alive.give(undefined);
      case 'heartbeat':
        control.alive.give(undefined);
        // Its acknowledgement tells the agent that control knows what it advertised before.
        await unlessAborted(control.advertise.settled(), this.lost);
        return await stream.send({ kind: 'heartbeat-ack', sentAtMs: message.sentAtMs });
      case 'cert-renewal-request':
        return await this.#renew({ csrPem: message.csrPem, newKey: message.newKey ?? false }, stream);
      case 'hello':
        throw new TunnelError('protocol.violation', 'a second hello');
      default:
        return sessions.hear(message);
    }
  }

  async #renew(request: RenewalRequest, stream: GatewayControl): Promise<void> {
    try {
      const { certificatePem, caPem, sessionKeys } = await this.#control.renew(this.id, request);
      await stream.send({ kind: 'cert-renewal-granted', certificatePem, caPem, sessionKeys: stream.version === 1 ? undefined : sessionKeys });
    } catch (error) {
      if (this.lost.aborted) throw error;
      this.#world.log.warn({ error }, 'renewal refused');
      const { code, message } = error instanceof TunnelError ? error : new TunnelError('internal', 'the gateway failed');
      await stream.send({ kind: 'cert-renewal-refused', reason: message.slice(0, 300), code });
    }
  }

  async #sendAssignment(): Promise<void> {
    if (this.#stream?.version !== 2) return;
    const { subnets, names, ports, kinds } = this.#assignment;
    await this.#stream.send({ kind: 'assignment', subnets, names, ports, channels: kinds, ...(this.#outdated && { renew: true as const }) });
  }

  #bounded({ epoch, subnets, names }: RouteAdvertise): { epoch: bigint; subnets: readonly string[]; names: RouteAdvertise['names'] } {
    const dropped = subnets.length + names.length - LIMITS.routesPerAgent;
    if (dropped > 0) this.#world.log.warn({ dropped }, 'too many routes advertised, the last are ignored');
    const kept = subnets.slice(0, LIMITS.routesPerAgent);
    return { epoch, subnets: kept, names: names.slice(0, LIMITS.routesPerAgent - kept.length) };
  }
}

function issuedBy(leaf: Uint8Array, issuer: X509Certificate): boolean {
  try {
    return new X509Certificate(leaf).verify(issuer.publicKey);
  } catch {
    return false; // a key of another kind
  }
}
