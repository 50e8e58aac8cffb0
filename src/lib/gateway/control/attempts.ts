// How often one source may show strings that are not good, before it has to wait (security.md, T).
import { TunnelError } from '../../base/errors.ts';
import type { Clock } from '../../base/world.ts';

const WINDOW_MS = 60_000;
/** Strings are signed, so nobody guesses one: this bounds the work (some 2 % of a core), not the chances, and leaves a site behind one address its retries. */
const FAILURES_PER_WINDOW = 10_000;
const MOST_SOURCES = 10_000;
/** No refusal is told sooner: how far a string got, whether it was ever good, cannot be read from the time that it took. */
const REFUSED_AFTER_MS = 50;

export class Attempts {
  readonly #clock: Clock;
  #failures = new Map<string, number>();
  #endsAt = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Runs `work` and counts its refusals of strings. Error `limit.reached` once there were too many in this minute. */
  async count<T>(source: string, work: () => Promise<T>): Promise<T> {
    this.#turn();
    const failures = this.#failures.get(source) ?? 0;
    if (failures >= FAILURES_PER_WINDOW)
      throw new TunnelError('limit.reached', 'too many strings that were refused came from this address', { hint: 'Try again in a minute.' });
    const began = this.#clock.monotonic();
    try {
      return await work();
    } catch (error) {
      if (error instanceof TunnelError && error.code === 'string.refused' && this.#failures.size < MOST_SOURCES) {
        this.#failures.set(source, (this.#failures.get(source) ?? 0) + 1);
      }
      if (error instanceof TunnelError && error.code === 'string.refused')
        await this.#clock.sleep(Math.max(0, began + REFUSED_AFTER_MS - this.#clock.monotonic()));
      throw error;
    }
  }

  #turn(): void {
    const now = this.#clock.monotonic();
    if (now < this.#endsAt) return;
    this.#failures = new Map();
    this.#endsAt = now + WINDOW_MS;
  }
}
