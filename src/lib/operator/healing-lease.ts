// A session that heals: kept renewed, its way to the edge made again when it was lost, until it may not be any more (requirements E2).
import type { SessionGrant } from '../api/contract.ts';
import { unlessAborted, within } from '../base/deadline.ts';
import { isErrorCode, messageOf, TunnelError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { World } from '../base/world.ts';
import type { FirstBytes } from '../link/first-bytes.ts';
import type { EdgeNotice } from '../protocol/operator.ts';
import { ANY_TARGET } from '../routing/target.ts';
import { cutEarly } from './cut-error.ts';
import type { EdgeConnection } from './edge-connection.ts';
import type { ConnectTarget } from './forward/local.ts';
import type { DialEdge, Lease, LeaseEvent, LeaseOptions } from './lease.ts';
import type { Channel } from './open-channel.ts';
import { Outages } from './outages.ts';
import type { OperatorSession } from './session.ts';
import { effectOfNotice, isFinal, LastHeard } from './session-end.ts';
import { TakenBack } from './taken-back.ts';
import { isNotYet } from './try-for.ts';

export class HealingLease implements Lease {
  readonly grant: SessionGrant;
  readonly ended: Promise<void>;
  readonly #session: OperatorSession;
  readonly #options: LeaseOptions;
  readonly #world: World;
  readonly #dial: DialEdge;
  readonly #outages: Outages;
  readonly #end = Promise.withResolvers<void>();
  readonly #closing = new AbortController();
  /** What is still to be had. */
  readonly #targets: Set<string>;
  readonly #over = new Map<string, TunnelError>();
  #edge: EdgeConnection | undefined;
  /** Those that are attached, by session. */
  #sessions = new Map<string, string[]>();
  readonly #takenBack = new TakenBack();
  readonly #lastHeard: LastHeard;
  #lastFailure: TunnelError | undefined;
  #waiting = 0;
  #changed = Promise.withResolvers<void>();
  #wake = Promise.withResolvers<void>();
  #running: Promise<void> = Promise.resolve();
  #keepAliveAt = Number.POSITIVE_INFINITY;

  constructor(session: OperatorSession, options: LeaseOptions, world: World, dial: DialEdge) {
    this.grant = session.grant;
    this.ended = this.#end.promise;
    this.ended.catch(() => {}); // whoever waits for it hears of it
    this.#session = session;
    this.#options = options;
    this.#world = world;
    this.#dial = dial;
    this.#targets = new Set(options.request.targets);
    this.#lastHeard = new LastHeard(world.clock);
    this.#outages = new Outages(world.random, this.#now);
  }

  /** The first connection. A person has just asked for it: that is activity. */
  async begin(signal: AbortSignal): Promise<void> {
    await this.#reach(this.#session.grant, true, AbortSignal.any([signal, this.#closing.signal]));
    if (this.#options.keepAlive) this.#keepAliveAt = this.#now + keepAliveMs(this.grant);
  }

  run(): void {
    this.#running = this.#keep().catch((error: unknown) => this.#endAll(asError(error)));
  }

  readonly connect: ConnectTarget = async (target, signal, first) => {
    const deadline = this.#now + (this.#options.healWaitMs ?? LIMITS.healWaitMs);
    for (;;) {
      const over = this.#over.get(this.#keyOf(target)) ?? (this.#closing.signal.aborted ? this.#closing.signal.reason : undefined);
      if (over) throw over;
      const failure = await this.#tryConnect(target, signal, first);
      if ('channel' in failure) return Object.assign(failure.channel, { whyCut: this.#lastHeard.whyCut });
      const left = deadline - this.#now;
      if (left <= 0) throw failure.error;
      await this.#nextChance(left, signal);
    }
  };

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new TunnelError('interrupted', 'the connection to the gateway was closed'));
    this.#end.resolve();
    await this.#running;
    await this.#edge?.close();
  }

  get roundTripMs(): number | undefined {
    return this.#edge?.roundTripMs();
  }

  get #now(): number {
    return this.#world.clock.monotonic();
  }

  /** Where targets are not known before, all of them fare alike. */
  #keyOf(target: string): string {
    return this.#targets.has(target) || this.#over.has(target) ? target : ANY_TARGET;
  }

  /** A channel, or a failure that waiting may cure; whatever else it is it throws. */
  async #tryConnect(target: string, signal: AbortSignal, first?: FirstBytes): Promise<{ readonly channel: Channel } | { readonly error: TunnelError }> {
    const edge = this.#edge;
    const key = this.#keyOf(target);
    if (edge === undefined || this.#outages.has(key)) return { error: this.#lastFailure ?? new TunnelError('gateway.unreachable', 'the gateway is away') };
    try {
      return { channel: await edge.open(target, this.#session.grant.token, signal, first) };
    } catch (thrown) {
      signal.throwIfAborted();
      const error = asError(thrown);
      const granted = key !== ANY_TARGET;
      if (error.code === 'link.lost' || error.code === 'gateway.silent') this.#edgeLost(edge, error);
      else if (error.code === 'session.refused')
        await this.#session.renew(this.#closing.signal).catch((refused: unknown) => this.#renewalFailed(asError(refused)));
      else if (granted && (error.code === 'agent.offline' || error.code === 'route.none')) this.#lost([key], error);
      else if (!isNotYet(error.code, granted)) throw error;
      if (first?.unaccounted) throw cutEarly(target, error);
      return { error };
    }
  }

  /** Until something changes, or a moment has passed. Who waits makes the attempts come sooner. */
  async #nextChance(left: number, signal: AbortSignal): Promise<void> {
    this.#waiting += 1;
    this.#wakeUp();
    const pause = new AbortController();
    try {
      await unlessAborted(Promise.race([this.#changed.promise, this.#world.clock.sleep(Math.min(left, LIMITS.backoffFirstMs), pause.signal)]), signal);
    } finally {
      pause.abort();
      this.#waiting -= 1;
    }
  }

  /** Renews, heals, keeps alive and gives up, each when it is time, until the end. */
  async #keep(): Promise<void> {
    const { clock } = this.#world;
    while (!this.#closing.signal.aborted && this.#targets.size > 0) {
      const retryAt = this.#outages.retryAt(this.#waiting > 0);
      const dueAt = Math.min(retryAt ?? this.#session.renewAt, this.#outages.giveUpAt() ?? Number.POSITIVE_INFINITY, this.#keepAliveAt);
      const pause = new AbortController();
      await Promise.race([clock.sleep(dueAt - this.#now, AbortSignal.any([pause.signal, this.#closing.signal])), this.#wake.promise]);
      pause.abort();
      this.#wake = Promise.withResolvers();
      if (this.#closing.signal.aborted) return;
      for (const target of this.#outages.givenUp(this.#now)) this.#endTarget(target, this.#tooLong());
      const due = this.#takenBack.any ? 0 : (this.#outages.retryAt(this.#waiting > 0) ?? Math.min(this.#session.renewAt, this.#keepAliveAt));
      if (this.#targets.size > 0 && this.#now >= due) await this.#heal();
    }
  }

  /** One attempt at all of it: a new token, a connection, the sessions attached to it. */
  async #heal(): Promise<void> {
    const active = this.#now >= this.#keepAliveAt;
    if (active) this.#keepAliveAt = this.#now + keepAliveMs(this.grant);
    const signal = this.#closing.signal;
    try {
      await this.#inTime(signal, (limit) => this.#session.renew(limit));
      for (const { target, code, message, hint } of this.#session.grant.refused) {
        const error = new TunnelError(isErrorCode(code) ? code : 'gateway.unreachable', message, { hint });
        if (isFinal(error, this.#takenBack.has(target))) this.#endTarget(target, this.#takenBack.inWords(error, target));
        else this.#lost([target], error);
      }
      this.#answered();
      if (this.#targets.size === 0) return;
      await this.#inTime(signal, (limit) => this.#reach(this.#session.grant, active, limit));
    } catch (error) {
      if (!signal.aborted) this.#renewalFailed(asError(error));
      this.#answered();
    }
    if (this.#outages.any) this.#outages.failed(this.#now);
    this.#change();
  }

  /** What hangs since before the way came back is not waited for: the next attempt works. */
  #inTime(signal: AbortSignal, work: (limit: AbortSignal) => Promise<void>): Promise<void> {
    const late = () => new TunnelError('gateway.silent', `the gateway did not answer within ${LIMITS.healAttemptMs / 1000} s`);
    return within(this.#world.clock, LIMITS.healAttemptMs, late, signal, work);
  }

  /** Connected and attached: what the grant names can be had. */
  async #reach({ targets, token, refused }: SessionGrant, active: boolean, signal: AbortSignal): Promise<void> {
    const sessions = new Map<string, string[]>();
    for (const { target, session_id } of targets) sessions.set(session_id, [...(sessions.get(session_id) ?? []), target]);
    const isNew = this.#edge === undefined;
    const edge = this.#edge ?? (await this.#dial(this.#session.grant, signal));
    this.#edge = edge;
    if (isNew) void edge.closed.then((why) => this.#edgeLost(edge, new TunnelError('link.lost', `the connection to the gateway was lost: ${why}`)));
    const attached = [...sessions.keys()].every((id) => this.#sessions.has(id));
    if (isNew || active || !attached) await edge.attach({ token, active }, (notice) => this.#hear(edge, notice), signal);
    this.#sessions = sessions;
    const away = new Set(refused.map(({ target }) => target));
    const over = this.#outages.found(
      [...this.#targets].filter((target) => !away.has(target)),
      this.#now,
    );
    if (over !== undefined) this.#tell({ kind: 'healed', ...over });
  }

  #renewalFailed(error: TunnelError): void {
    this.#lastFailure = error;
    if (isFinal(error, this.#takenBack.any)) this.#endAll(this.#takenBack.inWords(error));
    // Without a connection everything is lost already; with one the old token is good for a while.
    else this.#session.postpone();
    this.#world.log.warn({ error }, 'session renewal failed');
  }

  #hear(edge: EdgeConnection, notice: EdgeNotice): void {
    if (edge !== this.#edge || this.#closing.signal.aborted) return;
    const { reason, message, sessionId, endsInMs } = notice;
    if (endsInMs !== undefined) {
      if (this.#options.keepAlive) this.#keepAliveAt = this.#now;
      this.#wakeUp();
      return void this.#tell({ kind: 'ends-soon', reason, message, endsInMs });
    }
    const targets = sessionId === undefined ? [...this.#targets] : (this.#sessions.get(sessionId) ?? []);
    if (sessionId !== undefined) this.#sessions.delete(sessionId);
    const effect = effectOfNotice(notice);
    if (effect === 'heal') {
      this.#lost(targets, new TunnelError('agent.offline', message, { hint: 'Is the agent running? tunnel agent list shows which are online.' }));
      this.#lastHeard.hear({ message, over: undefined });
    } else if (effect === 'ask') {
      this.#takenBack.add(targets.length > 0 ? targets : this.#targets, message);
      this.#wakeUp();
    } else {
      this.#lastHeard.hear({ message, over: effect.over });
      if (targets.length === 0) this.#tell({ kind: 'session-ended', error: effect.over });
      for (const target of targets) this.#endTarget(target, effect.over);
    }
  }

  /** The gateway was asked about what it had taken back. */
  #answered(): void {
    for (const [target, message] of this.#takenBack.take()) this.#lastHeard.hear({ message, over: this.#over.get(target) });
  }

  #edgeLost(edge: EdgeConnection, error: TunnelError): void {
    if (edge !== this.#edge) return;
    // Not closed: what it still carries may yet arrive, or ends with it.
    this.#edge = undefined;
    this.#sessions.clear();
    this.#lost(this.#targets, error);
  }

  #lost(targets: Iterable<string>, error: TunnelError): void {
    if (this.#closing.signal.aborted) return;
    this.#lastFailure = error;
    const news = this.#outages.lost(
      [...targets].filter((target) => this.#targets.has(target)),
      this.#now,
    );
    if (news.length > 0) this.#tell({ kind: 'lost', targets: news, error });
    this.#wakeUp();
  }

  #tooLong(): TunnelError {
    const minutes = LIMITS.healAtMostMs / 60_000;
    const { message = 'it did not come back', hint } = this.#lastFailure ?? {};
    return new TunnelError('outage.too-long', `given up after ${minutes} minutes: ${message}`, { hint, cause: this.#lastFailure });
  }

  #endTarget(target: string, error: TunnelError): void {
    if (!this.#targets.delete(target)) return;
    this.#outages.forget([target]);
    this.#over.set(target, error);
    if (this.#targets.size === 0) this.#finish(error);
    else this.#tell({ kind: 'target-over', target, error });
    this.#change();
  }

  #endAll(error: TunnelError): void {
    for (const target of this.#targets) this.#over.set(target, error);
    this.#targets.clear();
    this.#finish(error);
    this.#change();
  }

  #finish(error: TunnelError): void {
    this.#end.reject(error);
    this.#wakeUp();
  }

  #tell(event: LeaseEvent): void {
    this.#options.onEvent?.(event);
  }

  #wakeUp(): void {
    this.#wake.resolve();
  }

  #change(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}

/** Often enough that one that does not arrive is no end. */
function keepAliveMs({ idle_seconds }: SessionGrant): number {
  return (idle_seconds * 1000) / 3;
}

function asError(thrown: unknown): TunnelError {
  return thrown instanceof TunnelError ? thrown : new TunnelError('internal', `unexpected failure: ${messageOf(thrown)}`, { cause: thrown });
}
