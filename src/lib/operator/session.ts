// An operator's lease: granted by the gateway for some targets, renewed before it ends for as long as it is used.
import type { SessionGrant, SessionRequest } from '../api/contract.ts';
import { backoff } from '../base/backoff.ts';
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
  #renewAt = 0;
  #failures = 0;
  #renewal: Promise<void> | undefined;

  private constructor(api: SessionApi, request: SessionRequest, grant: SessionGrant, world: World) {
    this.#api = api;
    this.#request = request;
    this.#grant = grant;
    this.#world = world;
    this.#granted(grant);
  }

  /** Errors of the API: route.none, agent.offline, policy.denied, login.refused, limit.reached. */
  static async open(api: SessionApi, request: SessionRequest, world: World, signal: AbortSignal): Promise<OperatorSession> {
    return new OperatorSession(api, request, await api.openSession(request, signal), world);
  }

  get grant(): SessionGrant {
    return this.#grant;
  }

  /** A new token for the same sessions, and others where those have ended; what cannot be had now is named in the grant. Callers at the same time share one request. */
  renew(signal: AbortSignal): Promise<void> {
    this.#renewal ??= this.#api
      .openSession({ ...this.#request, renewal: true }, signal)
      .then((grant) => this.#granted(grant))
      .finally(() => {
        this.#renewal = undefined;
      });
    return this.#renewal;
  }

  /** When the token should be renewed; monotonic. */
  get renewAt(): number {
    return this.#renewAt;
  }

  /** A renewal failed: the token may be good for a while yet. */
  postpone(): void {
    const { clock, random } = this.#world;
    this.#failures += 1;
    this.#renewAt = clock.monotonic() + backoff(this.#failures, 0, random);
  }

  /** The gateway's clock may be another than ours, so a grant is never taken for older than it can be. */
  #granted(grant: SessionGrant): void {
    const { clock } = this.#world;
    const left = Date.parse(grant.expires_at) - clock.now();
    this.#grant = grant;
    this.#failures = 0;
    this.#renewAt = clock.monotonic() + Math.max(RENEW_AT_MOST_EVERY_MS, Math.min(left, LIMITS.sessionTokenMs) * RENEW_AFTER);
  }
}
