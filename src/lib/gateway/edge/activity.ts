// Tells control now and then which channels carry what an operator sends: that keeps a session from being idle, an open socket does not (requirements B3).
import { LIMITS } from '../../base/limits.ts';
import type { Clock, Timer } from '../../base/world.ts';
import type { Carried } from '../../streams/splice.ts';

interface Channel {
  readonly channelId: string;
  readonly sessionId: string;
}

interface Watched {
  readonly channel: Channel;
  readonly carried: Carried;
  /** Bytes of the operator's at the last look. */
  seen: number;
}

export class Activity {
  readonly #report: (moved: Channel) => void;
  readonly #clock: Clock;
  readonly #watched = new Set<Watched>();
  #timer: Timer | undefined;

  constructor(report: (moved: Channel) => void, clock: Clock) {
    this.#report = report;
    this.#clock = clock;
  }

  /** Until disposed, which looks once more. `aToB` is the operator's direction: what a target sends by itself is nobody's work. */
  watch(channel: Channel, carried: Carried): Disposable {
    const watched: Watched = { channel, carried, seen: 0 };
    this.#watched.add(watched);
    this.#timer ??= this.#clock.after(LIMITS.activityReportMs, () => this.#look());
    return {
      [Symbol.dispose]: () => {
        this.#watched.delete(watched);
        if (this.#watched.size === 0) this.#rest();
        if (carried.aToB > watched.seen) this.#report(channel);
      },
    };
  }

  /** One report a session is enough. */
  #look(): void {
    const told = new Set<string>();
    for (const watched of this.#watched) {
      const { channel, carried, seen } = watched;
      watched.seen = carried.aToB;
      if (carried.aToB === seen || told.has(channel.sessionId)) continue;
      told.add(channel.sessionId);
      this.#report(channel);
    }
    this.#timer = this.#clock.after(LIMITS.activityReportMs, () => this.#look());
  }

  #rest(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}
