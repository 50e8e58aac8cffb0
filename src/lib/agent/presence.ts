// Whether the agent can be reached now, and how it fares: for those who wait for it, and for `agent status`.

import { type AgentStatusAnswer, failureOf } from '../api/agent-status.ts';
import { unlessAborted } from '../base/deadline.ts';
import { TunnelError } from '../base/errors.ts';
import type { Clock } from '../base/world.ts';
import { channelStreams } from '../link/heartbeat.ts';
import { CLOSE } from '../link/version.ts';
import { formatAddressPort } from '../streams/happy-eyeballs.ts';
import type { Online } from './serve-link.ts';
import type { PresentLink } from './served-link.ts';

/** What a status says about the links. */
type LinksStatus = Pick<AgentStatusAnswer, 'state' | 'transport' | 'reason' | 'since' | 'routes' | 'links' | 'last_error'>;

export class Presence {
  readonly #clock: Clock;
  /** All that are served, in the order in which they came up. */
  readonly #links = new Set<PresentLink>();
  #lastError: AgentStatusAnswer['last_error'] = null;
  #online = Promise.withResolvers<void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(link: PresentLink): void {
    this.#links.add(link);
    void link.ended.then((ended) => {
      this.#links.delete(link);
      if (ended.why === 'failed') this.failed(ended.error);
      if (ended.why !== 'ended' || ended.end.by === 'us' || ended.end.code === CLOSE.replaced) return;
      this.failed(new TunnelError('link.lost', `the link over ${link.link.transport} ended: ${ended.end.reason || ended.end.by}`));
    });
  }

  /** The gateway has answered on some link. */
  heard(): void {
    this.#online.resolve();
    this.#online = Promise.withResolvers();
  }

  failed(error: unknown): void {
    if (error instanceof TunnelError && error.code === 'interrupted') return;
    this.#lastError = failureOf(error, this.#clock.now());
  }

  /** The newest link that is online. */
  get current(): PresentLink | undefined {
    return [...this.#links].findLast(({ online }) => online !== undefined);
  }

  /** Resolves when the gateway has answered on a link that is up now, or on the next one, and it is the one meant. An abort rejects with the signal's reason. */
  async wait(signal: AbortSignal, isIt: (link: PresentLink) => boolean = () => true): Promise<Online> {
    for (;;) {
      const { current } = this;
      if (current?.online !== undefined && isIt(current)) return current.online.now;
      await unlessAborted(this.#online.promise, signal);
    }
  }

  /** Offers what agent.json says now on every link; one that ends meanwhile has nothing to offer. */
  async advertise(): Promise<void> {
    await Promise.allSettled([...this.#links].map((link) => link.advertise()));
  }

  /** Resolves when no link is left. */
  async empty(): Promise<void> {
    await Promise.all([...this.#links].map(({ ended }) => ended));
  }

  status(): LinksStatus {
    const { current } = this;
    return {
      state: current === undefined ? 'connecting' : 'online',
      transport: current?.link.transport ?? null,
      reason: current?.reason ?? null,
      since: current?.online === undefined ? null : this.#instant(current.online.since),
      routes: [...(current?.online?.now.routes ?? [])],
      links: [...this.#links].map((served) => ({
        transport: served.link.transport,
        reason: served.reason,
        remote: formatAddressPort(served.link.remote),
        state: served === current ? 'current' : served.retired ? 'ending' : 'beginning',
        since: served.online === undefined ? null : this.#instant(served.online.since),
        channels: channelStreams(served.link),
      })),
      last_error: this.#lastError,
    };
  }

  #instant(ms: number): string {
    return new Date(ms).toISOString();
  }
}
