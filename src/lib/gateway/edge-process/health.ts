// When an edge in a process of its own counts as lost though it still runs: silent for too long, or grown too large. Pure; whoever keeps the edge looks.
import { LIMITS } from '../../base/limits.ts';
import type { Beat } from '../border/messages.ts';

export interface HealthLimits {
  readonly silentMs: number;
  readonly memoryBytes: number;
}

/** Longer than this between two looks, and control itself was stopped or busy: that time says nothing about the edge. */
const OWN_PAUSE_MS = 2 * LIMITS.edgeHeartbeatMs;

/** To be looked at every `edgeHeartbeatMs`; times are monotonic, in ms. */
export class EdgeHealth {
  readonly #limits: HealthLimits;
  #heardAt: number;
  #lookedAt: number;
  #rssBytes = 0;
  #lateMs = 0;

  constructor(limits: HealthLimits, now: number) {
    this.#limits = limits;
    this.#heardAt = now;
    this.#lookedAt = now;
  }

  get rssBytes(): number {
    return this.#rssBytes;
  }

  /** How late the edge's event loop was at its last sign of life. */
  get lateMs(): number {
    return this.#lateMs;
  }

  heard({ rssBytes, lateMs }: Pick<Beat, 'rssBytes' | 'lateMs'>, now: number): void {
    this.#heardAt = now;
    this.#rssBytes = rssBytes;
    this.#lateMs = lateMs;
  }

  /** Why the edge must be ended, or undefined. */
  look(now: number): string | undefined {
    const pause = now - this.#lookedAt;
    this.#lookedAt = now;
    if (pause > OWN_PAUSE_MS) this.#heardAt += pause;
    const { silentMs, memoryBytes } = this.#limits;
    if (this.#rssBytes > memoryBytes) return `it took ${this.#rssBytes} bytes of memory, more than ${memoryBytes}`;
    return now - this.#heardAt > silentMs ? `it was silent for more than ${silentMs} ms` : undefined;
  }
}
