// How long an agent waits between dials: longer while nothing works, from the beginning again after a link that held (A3).
import { backoff } from '../base/backoff.ts';
import { LIMITS } from '../base/limits.ts';
import type { World } from '../base/world.ts';

export class Pace {
  readonly #world: Pick<World, 'clock' | 'random'>;
  #failures = 0;
  #outageSince: number;
  #soonUntil = Number.NEGATIVE_INFINITY;

  constructor(world: Pick<World, 'clock' | 'random'>) {
    this.#world = world;
    this.#outageSince = world.clock.monotonic();
  }

  get failures(): number {
    return this.#failures;
  }

  /** Milliseconds, more each time. */
  next(): number {
    const now = this.#world.clock.monotonic();
    const ceiling = now < this.#soonUntil ? LIMITS.backoffStoppedCeilingMs : undefined;
    return backoff(this.#failures++, now - this.#outageSince, this.#world.random, ceiling);
  }

  /** The gateway said that it stops, and most that stop are started again at once: 3 s later everybody is to be back (security.md, Faults). */
  expectSoon(): void {
    this.#soonUntil = this.#world.clock.monotonic() + LIMITS.backoffStoppedMs;
  }

  /** A link that came up at `since`, in monotonic ms, is left: one that held forgets the failures before it. */
  left(since: number): void {
    if (this.#world.clock.monotonic() - since >= LIMITS.goodLinkMs) this.forget();
  }

  /** What failed before says nothing about now. */
  forget(): void {
    this.#failures = 0;
    this.#outageSince = this.#world.clock.monotonic();
  }
}
