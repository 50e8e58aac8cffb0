// The links of an edge: each is admitted by control, served until it ends, and found by its id meanwhile.
import { X509Certificate } from 'node:crypto';
import { type ErrorCode, TunnelError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { World } from '../../base/world.ts';
import { type CLOSE, closeLink, versionOf } from '../../link/version.ts';
import type { Hello } from '../../protocol/messages.ts';
import type { Link, RefusedPeer } from '../../transport/link.ts';
import type { Admission, ControlForEdge, Way } from '../contract.ts';
import { AgentLink } from './agent-link.ts';

/** Between two agents that are asked to renew because the CA was replaced: each takes control some milliseconds, and a handshake. */
const FOLLOW_EVERY_MS = 20;
/** How long telling one agent to move may take. */
const ASKED_WITHIN_MS = 1000;

export class Links {
  readonly #control: ControlForEdge;
  readonly #hello: Hello;
  readonly #world: World;
  readonly #byId = new Map<string, AgentLink>();
  /** Everything taken and not yet over, admitted or not. */
  readonly #served = new Map<Link, Promise<void>>();
  /** Agents whose link we ended because its streams were used up: settles when they are back, or had their time. */
  readonly #renewing = new Map<string, { readonly back: Promise<void>; readonly over: () => void }>();
  #stopping: string | undefined;
  #issuer: X509Certificate | undefined;

  constructor(control: ControlForEdge, hello: Hello, world: World) {
    this.#control = control;
    this.#hello = hello;
    this.#world = world;
  }

  /** A link whose transport has completed. */
  take(link: Link): void {
    const served = this.#serve(link)
      .catch((error: unknown) => this.#world.log.error({ error, remote: link.remote }, 'serving a link failed'))
      .finally(() => this.#served.delete(link));
    this.#served.set(link, served);
  }

  /** A peer that the transport did not take. */
  refused(peer: RefusedPeer): void {
    this.#control.refused(peer).catch((error: unknown) => this.#world.log.error({ error, peer }, 'a refusal was not written down'));
  }

  /** The link that a plan names, or a newer one of its agent that took over meanwhile. Error `agent.offline`. */
  carrying({ linkId, agentId }: Pick<Way, 'linkId' | 'agentId'>): AgentLink {
    const planned = this.#byId.get(linkId);
    if (planned !== undefined && !planned.retiring) return planned;
    const found = this.#newest(agentId) ?? planned;
    if (found === undefined) throw new TunnelError('agent.offline', "the agent's link has ended");
    return found;
  }

  /** The CA that issues now: agents with a certificate of another one are asked to renew it, one after another, and those that come at once. */
  follow(caPem: string): void {
    const issuer = new X509Certificate(caPem);
    if (this.#issuer?.raw.equals(issuer.raw)) return;
    this.#issuer = issuer;
    this.#askAll(issuer).catch((error: unknown) => this.#world.log.error({ error }, 'agents were not asked to renew'));
  }

  /** For a channel that `failed` could not carry: the newest link of its agent, where it is another one. */
  another(failed: AgentLink): AgentLink | undefined {
    const found = this.#newest(failed.agentId);
    return found === failed ? undefined : found;
  }

  /** Settles when the agents whose links were ended to be renewed are back, or had their time; undefined when there are none. */
  renewals(): Promise<void> | undefined {
    if (this.#renewing.size === 0) return undefined;
    return Promise.all([...this.#renewing.values()].map(({ back }) => back)).then(() => undefined);
  }

  /** Its streams are used up, and only a new link has new ones: it ends when it carries nothing, or anyway after the grace. The agent dials again at once. */
  renew(link: AgentLink, graceMs: number): void {
    link.retire(graceMs, 'ended', 'its streams are used up', () => {
      const about = { agent: link.agent, link: link.id, remote: link.link.remote };
      this.#world.log.warn(about, 'the agent keeps streams that are over; its link is closed so that it dials a new one');
      this.#awaitAgain(link.agentId);
    });
  }

  /** So that its agent dials again: it ends when it carries nothing. Requests that come while it is away wait for it. */
  endWhenIdle(linkId: string, reason: string): void {
    const link = this.find(linkId);
    link?.endWhenIdle(reason, () => this.#awaitAgain(link.agentId));
  }

  find(linkId: string): AgentLink | undefined {
    return this.#byId.get(linkId);
  }

  [Symbol.iterator](): IterableIterator<AgentLink> {
    return this.#byId.values();
  }

  /** Takes no more; each agent is told to move, and its link ends with its last channel, or after `delayMs`. Resolves when all have been told, or do not listen. */
  async drain(delayMs: number, reason: string): Promise<void> {
    this.#stop(reason);
    await Promise.all([...this.#byId.values()].map((link) => this.#moveAway(link, delayMs, reason)));
  }

  /** Ends all links and takes no more; resolves when control has heard of each end. */
  async close(reason: string): Promise<void> {
    this.#stop(reason);
    await Promise.all([...this.#served.keys()].map((link) => closeLink(link, 'stopping', reason)));
    await Promise.all(this.#served.values());
  }

  async #serve(link: Link): Promise<void> {
    if (this.#stopping !== undefined) return await closeLink(link, 'stopping', this.#stopping);
    const admission = await this.#admit(link);
    if (admission === undefined) return;
    const { log } = this.#world;
    const found = { agent: admission.agent, link: admission.linkId, remote: link.remote };
    const served = new AgentLink(link, admission, this.#control, this.#world);
    this.#byId.set(served.id, served);
    if (this.#issuer !== undefined) await served.follow(this.#issuer);
    for (const surplus of this.#surplusOf(served)) await closeLink(surplus.link, 'replaced', 'too many links of one agent');
    log.info({ ...found, transport: link.transport, alpn: link.alpn }, 'link up');
    try {
      await served.serve(this.#hello, () => this.#takeOver(served));
      await closeLink(link, 'ended', 'control stream ended');
    } catch (error) {
      if (!served.lost.aborted) log.warn({ ...found, error }, 'link failed');
      await endFailed(link, error);
    } finally {
      this.#byId.delete(served.id);
      if (this.#stopping === undefined) this.#newest(served.agentId)?.restore();
    }
    const { by, code, reason } = await link.closed;
    log.info({ ...found, by, code, reason }, 'link down');
    await this.#control.unlink(served.id, reason || by);
  }

  async #askAll(issuer: X509Certificate): Promise<void> {
    const { clock, log } = this.#world;
    for (const link of [...this.#byId.values()]) {
      if (this.#issuer !== issuer || this.#stopping !== undefined) return;
      await link.follow(issuer).catch((error: unknown) => log.info({ error, agent: link.agent }, 'an agent was not asked to renew'));
      await clock.sleep(FOLLOW_EVERY_MS);
    }
  }

  #stop(reason: string): void {
    this.#stopping = reason;
    for (const { over } of this.#renewing.values()) over();
  }

  /** An agent that does not listen, or goes away just now, holds up nobody. */
  async #moveAway(link: AgentLink, delayMs: number, reason: string): Promise<void> {
    const { clock, log } = this.#world;
    const told = new AbortController();
    const ask = link.askToMove(delayMs, reason).catch((error: unknown) => log.info({ error, agent: link.agent }, 'an agent was not asked to move'));
    await Promise.race([ask, clock.sleep(Math.min(delayMs, ASKED_WITHIN_MS), told.signal)]);
    told.abort();
    link.retire(delayMs, 'stopping', reason);
  }

  /** From now on the older ones carry only what they carry. */
  #takeOver(newer: AgentLink): void {
    const links = this.#of(newer.agentId);
    for (const older of links.slice(0, links.indexOf(newer))) {
      // No channel is cut for a certificate.
      const renewed = Buffer.compare(older.link.peerCertificate, newer.link.peerCertificate) !== 0;
      older.retire(renewed ? LIMITS.renewedLinkGraceMs : LIMITS.replacedLinkGraceMs, 'replaced', 'replaced by a newer link');
    }
    this.#renewing.get(newer.agentId)?.over();
  }

  /** In the order in which they were admitted. */
  #of(agentId: string): AgentLink[] {
    return [...this.#byId.values()].filter((link) => link.agentId === agentId);
  }

  /** The oldest beyond the limit; those that have said nothing yet, and those that carry nothing, before those that carry something. */
  #surplusOf(newest: AgentLink): AgentLink[] {
    const older = this.#of(newest.agentId).filter((link) => link !== newest);
    const worth = ({ ready, idle }: AgentLink) => (ready ? (idle ? 1 : 2) : 0);
    const leastWanted = older.toSorted((a, b) => worth(a) - worth(b));
    return leastWanted.slice(0, Math.max(0, older.length + 1 - LIMITS.linksPerAgent));
  }

  /** As control chooses: the newest one that is ready. */
  #newest(agentId: string): AgentLink | undefined {
    return this.#of(agentId).findLast(({ ready, lost }) => ready && !lost.aborted);
  }

  #awaitAgain(agentId: string): void {
    if (this.#stopping !== undefined) return;
    this.#renewing.get(agentId)?.over();
    const { promise, resolve } = Promise.withResolvers<void>();
    const over = () => {
      timer.cancel();
      if (this.#renewing.get(agentId) === renewing) this.#renewing.delete(agentId);
      resolve();
    };
    const timer = this.#world.clock.after(LIMITS.linkRenewalMs, over);
    const renewing = { back: promise, over };
    this.#renewing.set(agentId, renewing);
  }

  async #admit(link: Link): Promise<Admission | undefined> {
    try {
      return await this.#control.admit({ certificate: link.peerCertificate, protocol: versionOf(link), transport: link.transport, remote: link.remote });
    } catch (error) {
      this.#world.log.warn({ error, remote: link.remote }, 'link refused');
      await endFailed(link, error);
      return undefined;
    }
  }
}

/** Where the link has ended already, this changes nothing. */
async function endFailed(link: Link, error: unknown): Promise<void> {
  if (error instanceof TunnelError) await closeLink(link, CLOSE_FOR[error.code] ?? 'ended', error.message);
  else await closeLink(link, 'ended', 'the gateway failed');
}

const CLOSE_FOR: { readonly [Code in ErrorCode]?: keyof typeof CLOSE } = {
  'protocol.violation': 'violation',
  'certificate.refused': 'refused',
  'agent.deleted': 'deleted',
  'agent.flapping': 'replaced',
  'gateway.stopping': 'stopping',
};
