// Passes on at most one call in a while: the first at once, of those that follow too soon only the last, when its time has come.
import type { World } from '../../base/world.ts';

export interface Paced<Value> extends Disposable {
  give(value: Value): void;
}

/** `work` runs at most once in `ms` and never twice at once. Its failures are logged; disposing drops what waits. */
export function paced<Value>(ms: number, { clock, log }: Pick<World, 'clock' | 'log'>, work: (value: Value) => Promise<void>): Paced<Value> {
  let waiting: { value: Value } | undefined;
  let busy = false;
  const over = new AbortController();
  const run = async () => {
    busy = true;
    while (waiting !== undefined && !over.signal.aborted) {
      const { value } = waiting;
      waiting = undefined;
      const begun = clock.monotonic();
      await work(value).catch((error: unknown) => log.warn({ error }, 'control did not take it'));
      await clock.sleep(ms - (clock.monotonic() - begun), over.signal);
    }
    busy = false;
  };
  return {
    give(value) {
      waiting = { value };
      if (!busy) void run();
    },
    [Symbol.dispose]: () => over.abort(),
  };
}
