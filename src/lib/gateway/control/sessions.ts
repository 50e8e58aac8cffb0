// Leases of operators on agents: one live session for each pair, joined or opened by whoever asks, with the material that an agent demands (B5, E3).
import { TunnelError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { World } from '../../base/world.ts';
import { formatPorts, type PortRange } from '../../policy/ports.ts';
import type { CloseReason } from '../../sessions/close-reason.ts';
import type { SessionLength } from '../../sessions/transitions.ts';
import type { Store } from '../../store/open.ts';
import type { Operator } from '../../store/operators.ts';
import { isForeignKey } from '../../store/store-error.ts';
import type { SessionLease } from '../contract.ts';
import type { AuditLog } from './audit-log.ts';
import { LiveSession, type Session, type SessionActs } from './live-session.ts';
import { assertMayOpen } from './may-open.ts';
import { type EndsOptions, SessionEnds } from './session-ends.ts';

export interface LeaseAgent {
  readonly id: string;
  readonly name: string;
  readonly ports: readonly PortRange[];
}

/** What a caller wants of the session besides having one. */
export interface Demand {
  /** One that is not there yet: error `session.exists` where it is. */
  readonly anew?: boolean | undefined;
  /** It must belong to this tunnel: error `tunnel.other` where another one is live, or none. */
  readonly tunnelId?: string | undefined;
}

interface MaterialQuestion {
  readonly sessionId: string;
  readonly operator: string;
  readonly agentId: string;
  readonly targets: readonly string[];
  readonly ports: readonly string[];
  readonly kinds: readonly string[];
  readonly expiresAt: number;
}

interface SessionsOptions extends EndsOptions {
  readonly store: Store;
  readonly audit: AuditLog;
  readonly world: Pick<World, 'clock' | 'random' | 'log'>;
  /** What login and policy grant together. Error `limit.reached`. */
  readonly granted: (operator: Operator, agent: string) => { readonly targets: readonly string[]; readonly kinds: readonly string[] };
  readonly signMaterial: (question: MaterialQuestion) => Promise<string>;
  /** How long a session of this pair may last. */
  readonly lengthOf: (operator: Operator, agent: string) => SessionLength;
}

export class Sessions implements AsyncDisposable {
  readonly #options: SessionsOptions;
  readonly #ends: SessionEnds;
  readonly #byPair = new Map<string, Promise<LiveSession>>();
  readonly #byId = new Map<string, LiveSession>();
  readonly #opening = new Set<Promise<LiveSession>>();
  /** A pair whose last session is still being written down: the next one waits for that. */
  readonly #endings = new Map<string, Promise<void>>();

  constructor(options: SessionsOptions) {
    this.#options = options;
    this.#ends = new SessionEnds(options);
  }

  /**
   * Joins the live session of this pair, or opens one: its row and its audit row are on disk before this resolves.
   * Errors `limit.reached`, `store.busy`, `agent.unknown`, those of `assertMayOpen` and of the demand.
   */
  async lease(operator: Operator, agent: LeaseAgent, demand: Demand = {}): Promise<SessionLease> {
    for (;;) {
      const live = await this.#joinOrOpen(operator, agent, demand);
      live.used();
      live.operator = operator;
      const material = await this.#material(live, operator, agent);
      if (this.#byId.get(live.id) === live) return { sessionId: live.id, operator: operator.name, idleLimitMs: LIMITS.sessionIdleMs, material };
    }
  }

  /** The lease of a live session with material for what is granted now; undefined where it has that already, or none. Errors as `lease`. */
  async relet(sessionId: string, agent: LeaseAgent): Promise<SessionLease | undefined> {
    const live = this.#byId.get(sessionId);
    const before = live?.material;
    if (!live || before === undefined) return undefined;
    const { operator } = live;
    const material = await this.#material(live, operator, agent);
    if (material === before.text || this.#byId.get(sessionId) !== live) return undefined;
    return { sessionId, operator: operator.name, idleLimitMs: LIMITS.sessionIdleMs, material };
  }

  /** A login of this operator grants something else now. */
  regrant(operator: Operator): void {
    for (const live of this.#byId.values()) if (live.operator.id === operator.id) live.operator = operator;
  }

  find(sessionId: string): Session | undefined {
    return this.#byId.get(sessionId);
  }

  /** Live ones of an operator. */
  countOf(operatorId: string): number {
    return this.#byId.values().reduce((sum, { operator }) => sum + (operator.id === operatorId ? 1 : 0), 0);
  }

  /** Channels open in all sessions. */
  get channels(): number {
    return this.#byId.values().reduce((sum, { channels }) => sum + channels.size, 0);
  }

  /** Live ones, and those of an agent. */
  all(): Session[] {
    return [...this.#byId.values()];
  }

  on(agentId: string): Session[] {
    return this.all().filter(({ agent }) => agent.id === agentId);
  }

  channelOpened(sessionId: string, channelId: string, target: string): void {
    const live = this.#byId.get(sessionId);
    live?.channels.set(channelId, target);
    live?.used();
    live?.active();
  }

  channelEnded(sessionId: string, channelId: string): void {
    const live = this.#byId.get(sessionId);
    live?.channels.delete(channelId);
    live?.used();
  }

  /** Its operator did something. */
  active(sessionId: string): void {
    this.#byId.get(sessionId)?.active();
  }

  /** Its operator asked to keep it: it lasts longer where policy says that it may. */
  kept(sessionId: string): void {
    this.#byId.get(sessionId)?.kept();
  }

  /** Asks anew how long sessions may last, after policy has changed. */
  ruleAgain(): void {
    for (const live of this.#byId.values()) live.ruled(this.#options.lengthOf(live.operator, live.agent.name));
  }

  /** Its channels are cut first, then it is written down. One caller ends a session; the others find nothing to do. */
  async end(sessionId: string, reason: CloseReason, note: string | null = null): Promise<void> {
    const live = this.#byId.get(sessionId);
    if (live?.end(reason)) await this.#finish(live, reason, note);
  }

  /** All of an agent or an operator; those that it ended. `note` is what an administrator gave as the reason. */
  endAll(
    of: { readonly agentId: string } | { readonly operatorId: string } | 'all',
    reason: CloseReason,
    note: string | null = null,
  ): Promise<readonly Session[]> {
    const chosen = ({ operator, agent }: Session) => of === 'all' || ('agentId' in of ? agent.id === of.agentId : operator.id === of.operatorId);
    return this.endWhere(chosen, reason, note);
  }

  /** Those too that are just being opened. */
  async endWhere(chosen: (session: Session) => boolean, reason: CloseReason, note: string | null = null): Promise<readonly Session[]> {
    const ended: LiveSession[] = [];
    const end = async (live: LiveSession) => {
      if (this.#byId.get(live.id) !== live || !chosen(live)) return;
      ended.push(live);
      await this.end(live.id, reason, note);
    };
    const opening = [...this.#opening].map((live) => live.then(end, () => {}));
    await Promise.all([...[...this.#byId.values()].map(end), ...opening]);
    return ended;
  }

  /** What is live stays so in the store; ends that are being written down are waited for. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const live of this.#byId.values()) live.stop();
    await Promise.allSettled(this.#endings.values());
    await this.#ends[Symbol.asyncDispose]();
  }

  async #finish(live: LiveSession, reason: CloseReason, note: string | null): Promise<void> {
    const pair = pairOf(live.operator.id, live.agent.id);
    this.#byId.delete(live.id);
    this.#byPair.delete(pair);
    const ending = this.#ends.end({ session: live, reason, note });
    this.#endings.set(pair, ending);
    try {
      await ending;
    } finally {
      if (this.#endings.get(pair) === ending) this.#endings.delete(pair);
    }
  }

  async #joinOrOpen(operator: Operator, agent: LeaseAgent, demand: Demand): Promise<LiveSession> {
    const pair = pairOf(operator.id, agent.id);
    for (let there = this.#byPair.get(pair); there !== undefined; there = this.#byPair.get(pair)) {
      if (!demand.anew) return assertTunnel(await there, demand);
      // One that is just being opened may yet fail; then there is room.
      if (await there.then(this.#isLive, () => false)) throw exists(operator, agent);
    }
    const opening = this.#open(operator, agent, demand);
    this.#byPair.set(pair, opening);
    this.#opening.add(opening);
    const settled = () => this.#opening.delete(opening);
    opening.then(settled, () => {
      settled();
      this.#byPair.delete(pair);
    });
    return opening;
  }

  readonly #isLive = ({ id }: LiveSession): boolean => this.#byId.has(id);

  async #open(operator: Operator, agent: LeaseAgent, demand: Demand): Promise<LiveSession> {
    const { audit, lengthOf, store, tallies, world } = this.#options;
    audit.assertKeeping();
    this.#judgeLimits(operator, agent);
    await this.#endings.get(pairOf(operator.id, agent.id))?.catch(() => {}); // who ended it heard of that failure
    const wanted = { id: world.random.uuid(), operatorId: operator.id, agentId: agent.id, newTunnelId: world.random.uuid() };
    const { id, tunnelId } = await store
      .transaction(async (tables) => {
        await assertMayOpen(tables, operator, agent);
        // One is there only where its end could not be written down: then it goes on.
        const { session, joined } = await tables.sessions.openOrJoin(wanted);
        if (joined && demand.anew) throw exists(operator, agent);
        const detail = { session_id: session.id, agent_id: agent.id };
        const event = { code: 'session.opened', actor: `operator:${operator.name}`, subject: `agent:${agent.name}`, detail } as const;
        if (!joined) await tables.audit.append(event);
        return assertTunnel(session, demand);
      })
      .catch((error: unknown) => {
        throw isForeignKey(error) ? new TunnelError('agent.unknown', `agent ${agent.name} or operator ${operator.name} was removed`) : error;
      });
    this.#ends.revived(id);
    tallies.add('sessions_opened_total', {});
    const live = new LiveSession({ id, tunnelId: tunnelId ?? id, operator, agent: { id: agent.id, name: agent.name } }, world.clock, this.#acts);
    this.#byId.set(id, live);
    live.opened({ idleMs: LIMITS.sessionIdleMs, ...lengthOf(operator, agent.name), warningMs: LIMITS.idleWarningMs });
    return live;
  }

  readonly #acts: SessionActs = {
    expired: (live, reason) => {
      const { log } = this.#options.world;
      this.#finish(live, reason, null).catch((error: unknown) =>
        log.error({ error, sessionId: live.id, reason }, 'the end of a session is not written down yet'),
      );
    },

    warn: ({ id, agent }, { reason, endsInMs, avoidable }) => {
      const { edge, usersOf, world } = this.#options;
      const unless = reason === 'idle' ? 'unless something is sent' : avoidable ? 'unless it is kept (--keep-alive)' : 'because it may not last longer';
      const message = `the session on ${agent.name} ends in ${Math.round(endsInMs / 1000)} s ${unless}`;
      edge()
        ?.tellOperators(usersOf(id), { reason, message, sessionId: id, endsInMs })
        .catch((error: unknown) => world.log.info({ error, sessionId: id }, 'the edge could not warn of the end of a session'));
    },
  };

  #judgeLimits(operator: Operator, agent: LeaseAgent): void {
    const pairs = [...this.#byPair.keys()];
    const refuse = (what: string, limit: number) => {
      throw new TunnelError('limit.reached', `${what} has ${limit} sessions open`, { hint: 'Close some, or wait until idle ones end.' });
    };
    if (pairs.filter((pair) => pair.startsWith(`${operator.id} `)).length >= LIMITS.sessionsPerOperator)
      refuse(`operator ${operator.name}`, LIMITS.sessionsPerOperator);
    if (pairs.filter((pair) => pair.endsWith(` ${agent.id}`)).length >= LIMITS.sessionsPerAgent) refuse(`agent ${agent.name}`, LIMITS.sessionsPerAgent);
  }

  /** Signed anew at half of its life, and when the agent's ports or what the operator is granted have changed. */
  async #material(live: LiveSession, operator: Operator, agent: LeaseAgent): Promise<string> {
    const { clock } = this.#options.world;
    const { targets, kinds } = this.#options.granted(operator, agent.name);
    const ports = formatPorts(agent.ports);
    const terms = JSON.stringify([targets, ports, kinds]);
    const kept = live.material;
    if (kept?.terms === terms && clock.monotonic() < kept.renewAt) return kept.text;
    const renewAt = clock.monotonic() + LIMITS.sessionTokenMs / 2;
    const text = await this.#options.signMaterial({
      sessionId: live.id,
      operator: live.operator.name,
      agentId: agent.id,
      targets,
      ports,
      kinds,
      expiresAt: clock.now() + LIMITS.sessionTokenMs,
    });
    live.material = { text, terms, renewAt };
    return text;
  }
}

function exists(operator: Operator, agent: LeaseAgent): TunnelError {
  return new TunnelError('session.exists', `${operator.name} has a session on ${agent.name}`, { hint: 'Close it first: tunnel session list shows it.' });
}

function assertTunnel<Of extends { readonly tunnelId: string | null }>(session: Of, { tunnelId }: Demand): Of {
  if (tunnelId === undefined || session.tunnelId === tunnelId) return session;
  throw new TunnelError('tunnel.other', `the tunnel ${tunnelId} is not the live one of this agent`, {
    hint: 'Connect without tunnel_id to join the live one.',
  });
}

function pairOf(operatorId: string, agentId: string): string {
  return `${operatorId} ${agentId}`;
}
