// How much strangers may take from the listener: half-open handshakes, in all and for each address, and answers that cost us nothing to remember.
import { LIMITS } from '../../base/limits.ts';

export class HalfOpen {
  readonly #bySource = new Map<string, number>();
  #total = 0;

  /** Undefined when there is no room; otherwise call what it gives when the handshake is over, however it ends. Calling twice is calling once. */
  enter(address: string): (() => void) | undefined {
    const ofSource = this.#bySource.get(address) ?? 0;
    if (this.#total >= LIMITS.halfOpenHandshakes || ofSource >= LIMITS.halfOpenPerSource) return undefined;
    this.#total += 1;
    this.#bySource.set(address, ofSource + 1);
    let inside = true;
    return () => {
      if (!inside) return;
      inside = false;
      this.#total -= 1;
      const left = (this.#bySource.get(address) ?? 1) - 1;
      if (left > 0) this.#bySource.set(address, left);
      else this.#bySource.delete(address);
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
