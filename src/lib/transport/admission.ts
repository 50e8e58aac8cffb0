// How much strangers may take from the listener: half-open handshakes, in all and for each source, handshakes begun, and answers that cost us nothing to remember.
import ipaddr from 'ipaddr.js';
import { LIMITS } from '../base/limits.ts';

/** What one stranger can have many addresses of: an IPv6 /64 is one source, an IPv4 address, mapped or not, too. */
export function sourceOf(address: string): string {
  if (!ipaddr.isValid(address)) return address;
  const parsed = ipaddr.process(address);
  return parsed instanceof ipaddr.IPv6 ? parsed.parts.slice(0, 4).join(':') : parsed.toString();
}

/** An honest handshake is over by then; where there is no room, one that has lasted longer makes some. */
const PATIENCE_MS = 500;

interface Entered {
  readonly source: string;
  readonly at: number;
  readonly evict: () => void;
}

export class HalfOpen {
  /** In the order of their coming. */
  readonly #inside = new Set<Entered>();
  readonly #bySource = new Map<string, number>();

  get size(): number {
    return this.#inside.size;
  }

  /**
   * Undefined when there is no room; otherwise call what it gives when the handshake is over, however it ends. Calling twice is calling once.
   * `evict` is called when another needs the room; `now` in monotonic ms.
   */
  enter(source: string, now: number, evict: () => void): (() => void) | undefined {
    const ofSource = this.#bySource.get(source) ?? 0;
    if (ofSource >= LIMITS.halfOpenPerSource && !this.#evictOldest(now - PATIENCE_MS, source)) return undefined;
    if (this.#inside.size >= LIMITS.halfOpenHandshakes && !this.#evictOldest(now, this.#moreCrowdedThan(ofSource + 1)) && !this.#evictOldest(now - PATIENCE_MS))
      return undefined;
    const entered = { source, at: now, evict };
    this.#inside.add(entered);
    this.#bySource.set(source, (this.#bySource.get(source) ?? 0) + 1);
    return () => this.#leave(entered);
  }

  /** The source that has most, if that is more than `count`: who has less than others need not wait for them. */
  #moreCrowdedThan(count: number): string | null {
    let [crowded, most]: [string | null, number] = [null, count];
    for (const [source, ofSource] of this.#bySource) if (ofSource > most) [crowded, most] = [source, ofSource];
    return crowded;
  }

  /** The oldest of `source`, or of all, goes if it came at `latest` or before. */
  #evictOldest(latest: number, source?: string | null): boolean {
    for (const oldest of this.#inside) {
      if (source !== undefined && oldest.source !== source) continue;
      if (oldest.at > latest) return false;
      this.#leave(oldest);
      oldest.evict();
      return true;
    }
    return false;
  }

  #leave(entered: Entered): void {
    if (!this.#inside.delete(entered)) return;
    const left = (this.#bySource.get(entered.source) ?? 1) - 1;
    if (left > 0) this.#bySource.set(entered.source, left);
    else this.#bySource.delete(entered.source);
  }
}

/** At most `perSecond` in any second of the monotonic clock that begins with the first. */
export class Allowance {
  readonly #perSecond: number;
  #second = Number.NEGATIVE_INFINITY;
  #spent = 0;

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  spend(now: number): boolean {
    if (now - this.#second >= 1000) {
      this.#second = now;
      this.#spent = 0;
    }
    this.#spent += 1;
    return this.#spent <= this.#perSecond;
  }
}

/** More sources than this in one second are a flood of forged ones; then there is nothing for those that were not yet seen. */
const MOST_SOURCES = 4096;

/** An Allowance for each source, remembered for one second. */
export class AllowanceBySource {
  readonly #perSecond: number;
  readonly #spent = new Map<string, number>();
  #second = Number.NEGATIVE_INFINITY;

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  spend(source: string, now: number): boolean {
    if (now - this.#second >= 1000) {
      this.#second = now;
      this.#spent.clear();
    }
    const spent = this.#spent.get(source);
    if (spent === undefined && this.#spent.size >= MOST_SOURCES) return false;
    this.#spent.set(source, (spent ?? 0) + 1);
    return (spent ?? 0) < this.#perSecond;
  }
}
