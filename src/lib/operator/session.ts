// An operator's lease: granted by the gateway for some targets, renewed before it ends for as long as it is used.
import type { SessionGrant, SessionRequest } from '../api/contract.ts';
import { backoff } from '../base/backoff.ts';
import { TunnelError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { World } from '../base/world.ts';

/** What of the API a session needs. */
export interface SessionApi {
  openSession(request: SessionRequest, signal: AbortSignal): Promise<SessionGrant>;
}

/** Of a grant's life; the rest is for retries. */
const RENEW_AFTER = 0.6;
/** A clock that is set wrongly must not make us renew all the time. */
const RENEW_AT_MOST_EVERY_MS = 10_000;

export class OperatorSession {
  readonly #api: SessionApi;
  readonly #request: SessionRequest;
  readonly #world: World;
  #grant: SessionGrant;
  #renewal: Promise<void> | undefined;

  private constructor(api: SessionApi, request: SessionRequest, grant: SessionGrant, world: World) {
    this.#api = api;
    this.#request = request;
    this.#grant = grant;
    this.#world = world;
  }

  /** Errors of the API: route.none, agent.offline, policy.denied, login.refused, limit.reached. */
  static async open(api: SessionApi, request: SessionRequest, world: World, signal: AbortSignal): Promise<OperatorSession> {
    return new OperatorSession(api, request, await api.openSession(request, signal), world);
  }

  get grant(): SessionGrant {
    return this.#grant;
  }

  /** A new token for the same session; callers at the same time share one request. */
  renew(signal: AbortSignal): Promise<void> {
    this.#renewal ??= this.#api
      .openSession(this.#request, signal)
      .then((grant) => {
        this.#grant = grant;
      })
      .finally(() => {
        this.#renewal = undefined;
      });
    return this.#renewal;
  }

  /** Renews until `signal` aborts, then resolves. Rejects when the gateway says that this operator may not any more; anything else is tried again. */
  async keepRenewed(signal: AbortSignal): Promise<void> {
    const { clock, random, log } = this.#world;
    let failures = 0;
    let failingSince = 0;
    while (!signal.aborted) {
      await clock.sleep(failures === 0 ? this.#renewInMs() : backoff(failures, clock.monotonic() - failingSince, random), signal);
      if (signal.aborted) return;
      try {
        await this.renew(signal);
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof TunnelError && (error.kind === 'unauthenticated' || error.kind === 'forbidden')) throw error;
        if (failures === 0) failingSince = clock.monotonic();
        failures += 1;
        log.warn({ error, failures }, 'session renewal failed');
      }
    }
  }

  #renewInMs(): number {
    const left = Date.parse(this.#grant.expires_at) - this.#world.clock.now();
    return Math.max(RENEW_AT_MOST_EVERY_MS, Math.min(left, LIMITS.sessionTokenMs) * RENEW_AFTER);
  }
}
