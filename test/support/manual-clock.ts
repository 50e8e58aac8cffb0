// A clock that stands still until a test moves it.
import type { Clock, Timer } from '../../src/lib/base/world.ts';

interface Waiting {
  at: number;
  callback: () => void;
}

export class ManualClock implements Clock {
  #elapsed = 0;
  #waiting: Waiting[] = [];
  readonly #start: number;
  #watchers: (() => void)[] = [];

  constructor(start = Date.UTC(2026, 0, 1)) {
    this.#start = start;
  }

  now = (): number => this.#start + this.#elapsed;
  monotonic = (): number => this.#elapsed;

  after = (ms: number, callback: () => void): Timer => {
    const entry = { at: this.#elapsed + Math.max(0, ms), callback };
    this.#waiting.push(entry);
    for (const seen of this.#watchers.splice(0)) seen();
    const cancel = () => {
      this.#waiting = this.#waiting.filter((other) => other !== entry);
    };
    return { cancel, [Symbol.dispose]: cancel };
  };

  sleep = (ms: number, signal?: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const finish = () => {
        timer.cancel();
        signal?.removeEventListener('abort', finish);
        resolve();
      };
      const timer = this.after(ms, finish);
      signal?.addEventListener('abort', finish, { once: true });
    });

  /** How many timers wait. */
  get pending(): number {
    return this.#waiting.length;
  }

  /** Milliseconds until the next timer. */
  get next(): number | undefined {
    return this.#waiting.length === 0 ? undefined : Math.min(...this.#waiting.map(({ at }) => at)) - this.#elapsed;
  }

  /** Resolves when the code under test has set a timer (at once when one waits). */
  async timerSet(): Promise<void> {
    if (this.#waiting.length > 0) return;
    await new Promise<void>((resolve) => this.#watchers.push(resolve));
  }

  /** Moves time on, firing what falls due in order, and lets promises settle between. */
  async advance(ms: number): Promise<void> {
    const end = this.#elapsed + ms;
    for (;;) {
      const due = this.#waiting.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (!due) break;
      this.#waiting = this.#waiting.filter((other) => other !== due);
      this.#elapsed = due.at;
      due.callback();
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.#elapsed = end;
    await new Promise((resolve) => setImmediate(resolve));
  }
}
