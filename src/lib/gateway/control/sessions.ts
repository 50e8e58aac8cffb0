// Leases of operators on agents: one live session for each pair, joined or opened by whoever asks, with the material that an agent demands (B5, E3).
import type { AuditEvent } from '../../audit/event.ts';
import { TunnelError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { Timer, World } from '../../base/world.ts';
import { formatPorts, type PortRange } from '../../policy/ports.ts';
import { type CloseReason, effectOf, endText } from '../../sessions/close-reason.ts';
import { judgeIdle } from '../../sessions/idle.ts';
import type { Store } from '../../store/open.ts';
import type { Operator } from '../../store/operators.ts';
import { isForeignKey } from '../../store/store-error.ts';
import type { EdgeForControl, SessionLease } from '../contract.ts';
import type { AuditLog } from './audit-log.ts';
import { assertMayOpen } from './may-open.ts';

export interface LeaseAgent {
  readonly id: string;
  readonly name: string;
  readonly ports: readonly PortRange[];
}

interface MaterialQuestion {
  readonly sessionId: string;
  readonly operator: string;
  readonly agentId: string;
  /** Null: all. */
  readonly targets: readonly string[] | null;
  readonly ports: readonly string[];
  readonly expiresAt: number;
}

interface SessionsOptions {
  readonly store: Store;
  readonly audit: AuditLog;
  readonly world: Pick<World, 'clock' | 'random' | 'log'>;
  readonly signMaterial: (question: MaterialQuestion) => Promise<string>;
  readonly edge: () => EdgeForControl | undefined;
  /** Connections of operators that use a session. */
  readonly usersOf: (sessionId: string) => readonly string[];
}

export interface Session {
  readonly id: string;
  readonly operator: Operator;
  readonly agent: { readonly id: string; readonly name: string };
  /** Targets of the open channels, by channel id. */
  readonly channels: ReadonlyMap<string, string>;
  /** When it was leased, or a channel of it opened or ended. Monotonic. */
  readonly lastUse: number;
}

interface Live extends Session {
  readonly channels: Map<string, string>;
  lastUse: number;
  /** When its operator did something: opened it or a channel, sent bytes, asked to keep it. Monotonic. */
  lastActivity: number;
  idleTimer: Timer | undefined;
  material: { readonly text: string; readonly terms: string; readonly renewAt: number } | undefined;
}

export class Sessions implements AsyncDisposable {
  readonly #options: SessionsOptions;
  readonly #byPair = new Map<string, Promise<Live>>();
  readonly #byId = new Map<string, Live>();
  readonly #opening = new Set<Promise<Live>>();
  /** A pair whose last session is still being written down: the next one waits for that. */
  readonly #endings = new Map<string, Promise<void>>();

  constructor(options: SessionsOptions) {
    this.#options = options;
  }

  /** Joins the live session of this pair, or opens one: its row and its audit row are on disk before this resolves. Errors `limit.reached`, `store.busy`, `agent.unknown`, those of `assertMayOpen`. */
  async lease(operator: Operator, agent: LeaseAgent): Promise<SessionLease> {
    for (;;) {
      const live = await this.#joinOrOpen(operator, agent);
      live.lastUse = this.#options.world.clock.monotonic();
      const material = await this.#material(live, operator, agent);
      if (this.#byId.get(live.id) === live) return { sessionId: live.id, operator: operator.name, idleLimitMs: LIMITS.sessionIdleMs, material };
    }
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

  channelOpened(sessionId: string, channelId: string, target: string): void {
    const live = this.#byId.get(sessionId);
    if (!live) return;
    live.channels.set(channelId, target);
    live.lastUse = this.#options.world.clock.monotonic();
    this.active(sessionId);
  }

  channelEnded(sessionId: string, channelId: string): void {
    const live = this.#byId.get(sessionId);
    if (!live) return;
    live.channels.delete(channelId);
    live.lastUse = this.#options.world.clock.monotonic();
  }

  /** Its operator did something. The timer finds it out when it falls due. */
  active(sessionId: string): void {
    const live = this.#byId.get(sessionId);
    if (live) live.lastActivity = this.#options.world.clock.monotonic();
  }

  /** Its channels are cut first, then it is written down. One caller ends a session; the others find nothing to do. */
  async end(sessionId: string, reason: CloseReason, note: string | null = null): Promise<void> {
    const live = this.#byId.get(sessionId);
    if (!live) return;
    const pair = pairOf(live.operator.id, live.agent.id);
    this.#byId.delete(sessionId);
    this.#byPair.delete(pair);
    live.idleTimer?.cancel();
    const ending = this.#writeEnd(live, reason, note);
    this.#endings.set(pair, ending);
    try {
      await ending;
    } finally {
      if (this.#endings.get(pair) === ending) this.#endings.delete(pair);
    }
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
    const ended: Live[] = [];
    const end = async (live: Live) => {
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
    for (const { idleTimer } of this.#byId.values()) idleTimer?.cancel();
    await Promise.allSettled(this.#endings.values());
  }

  async #writeEnd(live: Live, reason: CloseReason, note: string | null): Promise<void> {
    const { store, edge, world, usersOf } = this.#options;
    const users = effectOf(reason) === 'none' ? [] : usersOf(live.id);
    const failed = (error: unknown) => world.log.info({ error, sessionId: live.id }, 'the edge could not end a session: its link may be gone');
    // In this order: who hears why before the channels are cut can say so.
    const told = users.length > 0 ? edge()?.tellOperators(users, { reason, message: noticeText(live, reason, note), sessionId: live.id }) : undefined;
    await Promise.all([told?.catch(failed), edge()?.endSession(live.id, reason).catch(failed)]);
    await store.transaction(async (tables) => {
      const ended = await tables.sessions.end(live.id, reason);
      if (ended) await tables.audit.append(endedEvent(live, reason, note));
    });
  }

  #joinOrOpen(operator: Operator, agent: LeaseAgent): Promise<Live> {
    const pair = pairOf(operator.id, agent.id);
    const there = this.#byPair.get(pair);
    if (there !== undefined) return there;
    const opening = this.#open(operator, agent);
    this.#byPair.set(pair, opening);
    this.#opening.add(opening);
    const settled = () => this.#opening.delete(opening);
    opening.then(settled, () => {
      settled();
      this.#byPair.delete(pair);
    });
    return opening;
  }

  async #open(operator: Operator, agent: LeaseAgent): Promise<Live> {
    const { store, audit, world } = this.#options;
    audit.assertKeeping();
    this.#judgeLimits(operator, agent);
    await this.#endings.get(pairOf(operator.id, agent.id))?.catch(() => {}); // who ended it heard of that failure
    const id = await store
      .transaction(async (tables) => {
        await assertMayOpen(tables, operator, agent);
        // One is there only where its end could not be written down: then it goes on.
        const { session, joined } = await tables.sessions.openOrJoin({ id: world.random.uuid(), operatorId: operator.id, agentId: agent.id });
        const event = {
          code: 'session.opened',
          actor: `operator:${operator.name}`,
          subject: `agent:${agent.name}`,
          detail: { session_id: session.id, agent_id: agent.id },
        } as const;
        if (!joined) await tables.audit.append(event);
        return session.id;
      })
      .catch((error: unknown) => {
        throw isForeignKey(error) ? new TunnelError('agent.unknown', `agent ${agent.name} or operator ${operator.name} was removed`) : error;
      });
    const live: Live = {
      id,
      operator,
      agent: { id: agent.id, name: agent.name },
      channels: new Map(),
      lastUse: 0,
      lastActivity: world.clock.monotonic(),
      idleTimer: undefined,
      material: undefined,
    };
    this.#byId.set(id, live);
    this.#judge(live);
    return live;
  }

  #judgeLimits(operator: Operator, agent: LeaseAgent): void {
    const pairs = [...this.#byPair.keys()];
    const refuse = (what: string, limit: number) => {
      throw new TunnelError('limit.reached', `${what} has ${limit} sessions open`, { hint: 'Close some, or wait until idle ones end.' });
    };
    if (pairs.filter((pair) => pair.startsWith(`${operator.id} `)).length >= LIMITS.sessionsPerOperator)
      refuse(`operator ${operator.name}`, LIMITS.sessionsPerOperator);
    if (pairs.filter((pair) => pair.endsWith(` ${agent.id}`)).length >= LIMITS.sessionsPerAgent) refuse(`agent ${agent.name}`, LIMITS.sessionsPerAgent);
  }

  /** Signed anew at half of its life, and when the agent's ports or the operator's targets have changed. */
  async #material(live: Live, { targets }: Operator, agent: LeaseAgent): Promise<string> {
    const { clock } = this.#options.world;
    const ports = formatPorts(agent.ports);
    const terms = JSON.stringify([targets, ports]);
    const kept = live.material;
    if (kept?.terms === terms && clock.monotonic() < kept.renewAt) return kept.text;
    const renewAt = clock.monotonic() + LIMITS.sessionTokenMs / 2;
    const text = await this.#options.signMaterial({
      sessionId: live.id,
      operator: live.operator.name,
      agentId: agent.id,
      targets,
      ports,
      expiresAt: clock.now() + LIMITS.sessionTokenMs,
    });
    live.material = { text, terms, renewAt };
    return text;
  }

  #judge(live: Live): void {
    const { edge, usersOf, world } = this.#options;
    const { clock, log } = world;
    const now = clock.monotonic();
    const verdict = judgeIdle(live.lastActivity, { limitMs: LIMITS.sessionIdleMs, warningMs: LIMITS.idleWarningMs }, now);
    if (verdict.idle) {
      this.end(live.id, 'idle').catch((error: unknown) => log.error({ error, sessionId: live.id }, 'an idle session could not be ended'));
      return;
    }
    live.idleTimer = clock.after(verdict.askAgainAt - now, () => this.#judge(live));
    if (!verdict.warn) return;
    const endsInMs = Math.round(verdict.endsAt - now);
    const message = `the session on ${live.agent.name} ends in ${Math.round(endsInMs / 1000)} s unless something is sent`;
    edge()
      ?.tellOperators(usersOf(live.id), { reason: 'idle', message, sessionId: live.id, endsInMs })
      .catch((error: unknown) => log.info({ error, sessionId: live.id }, 'the edge could not warn of an idle session'));
  }
}

/** As it stands on the operator's screen. */
function noticeText({ agent }: Session, reason: CloseReason, note: string | null): string {
  return `the session on ${agent.name} was ended: ${endText(reason, note)}`;
}

function endedEvent(live: Session, reason: CloseReason, note: string | null): AuditEvent {
  return {
    code: 'session.ended',
    actor: 'gateway',
    subject: `agent:${live.agent.name}`,
    detail: { session_id: live.id, operator: live.operator.name, reason, ...(note === null ? {} : { note }) },
  };
}

function pairOf(operatorId: string, agentId: string): string {
  return `${operatorId} ${agentId}`;
}
