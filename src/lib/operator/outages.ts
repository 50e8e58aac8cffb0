// What of a running `connect` cannot be had now, since when, and when to try again (requirements E2). Pure: time and dice come in.
import { backoff } from '../base/backoff.ts';
import { LIMITS } from '../base/limits.ts';
import type { Random } from '../base/world.ts';

/** An outage that is over. */
export interface Over {
  readonly targets: readonly string[];
  /** The longest of them. */
  readonly outageMs: number;
}

export class Outages {
  readonly #random: Pick<Random, 'fraction'>;
  /** Monotonic, by target. */
  readonly #since = new Map<string, number>();
  #failures = 0;
  /** When the last attempt ended, or the outage began. */
  #pauseFrom = 0;
  #pauseMs = 0;
  #goodSince = 0;

  constructor(random: Pick<Random, 'fraction'>, now: number) {
    this.#random = random;
    this.#goodSince = now;
  }

  get any(): boolean {
    return this.#since.size > 0;
  }

  has(target: string): boolean {
    return this.#since.has(target);
  }

  /** Those of them that were not lost before. The pace begins anew after a good time only: a gateway that comes and goes is not stormed. */
  lost(targets: Iterable<string>, now: number): string[] {
    const first = !this.any;
    const news = [...targets].filter((target) => !this.#since.has(target));
    for (const target of news) this.#since.set(target, now);
    if (first && news.length > 0) {
      if (now - this.#goodSince >= LIMITS.goodLinkMs) this.#failures = 0;
      this.#pause(now);
    }
    return news;
  }

  /** Undefined where none of them was lost. */
  found(targets: Iterable<string>, now: number): Over | undefined {
    const over = [...targets].filter((target) => this.#since.has(target));
    if (over.length === 0) return undefined;
    const outageMs = now - Math.min(...over.map((target) => this.#since.get(target) ?? now));
    for (const target of over) this.#since.delete(target);
    if (!this.any) this.#goodSince = now;
    return { targets: over, outageMs };
  }

  /** An attempt left something lost. */
  failed(now: number): void {
    this.#failures += 1;
    this.#pause(now);
  }

  /** When to try again; sooner while somebody waits for it. Undefined while nothing is lost. */
  retryAt(wanted: boolean): number | undefined {
    if (!this.any) return undefined;
    return this.#pauseFrom + (wanted ? Math.min(this.#pauseMs, LIMITS.healWantedCeilingMs) : this.#pauseMs);
  }

  /** When the first of them has been lost for too long. */
  giveUpAt(): number | undefined {
    return this.any ? Math.min(...this.#since.values()) + LIMITS.healAtMostMs : undefined;
  }

  /** Those that have been lost for too long; they are forgotten. */
  givenUp(now: number): string[] {
    const over = [...this.#since].filter(([, since]) => now >= since + LIMITS.healAtMostMs).map(([target]) => target);
    this.forget(over);
    return over;
  }

  forget(targets: Iterable<string>): void {
    for (const target of targets) this.#since.delete(target);
  }

  #pause(now: number): void {
    const began = Math.min(now, ...this.#since.values());
    this.#pauseFrom = now;
    this.#pauseMs = backoff(this.#failures, now - began, this.#random);
  }
}
