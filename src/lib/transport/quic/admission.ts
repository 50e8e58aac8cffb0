// How much strangers may take from the listener: half-open handshakes, in all and for each source, handshakes begun, and answers that cost us nothing to remember.
import ipaddr from 'ipaddr.js';
import { LIMITS } from '../../base/limits.ts';

/** What one stranger can have many addresses of: an IPv6 /64 is one source, an IPv4 address, mapped or not, too. */
export function sourceOf(address: string): string {
  if (!ipaddr.isValid(address)) return address;
  const parsed = ipaddr.process(address);
  return parsed instanceof ipaddr.IPv6 ? parsed.parts.slice(0, 4).join(':') : parsed.toString();
}

export class HalfOpen {
  readonly #bySource = new Map<string, number>();
  #total = 0;

  /** Undefined when there is no room; otherwise call what it gives when the handshake is over, however it ends. Calling twice is calling once. */
  enter(source: string): (() => void) | undefined {
    const ofSource = this.#bySource.get(source) ?? 0;
    if (this.#total >= LIMITS.halfOpenHandshakes || ofSource >= LIMITS.halfOpenPerSource) return undefined;
    this.#total += 1;
    this.#bySource.set(source, ofSource + 1);
    let inside = true;
    return () => {
      if (!inside) return;
      inside = false;
      this.#total -= 1;
      const left = (this.#bySource.get(source) ?? 1) - 1;
      if (left > 0) this.#bySource.set(source, left);
      else this.#bySource.delete(source);
    };
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
