// Passes on at most one call in a while: the first at once, of those that follow too soon only the last, when its time has come.
import type { World } from '../../base/world.ts';

export interface Paced<Value> extends Disposable {
  give(value: Value): void;
  /** Resolves when what was given last has been taken, or never will be. */
  settled(): Promise<void>;
}

/** `work` runs at most once in `ms` and never twice at once. Its failures are logged; disposing drops what waits. */
export function paced<Value>(ms: number, { clock, log }: Pick<World, 'clock' | 'log'>, work: (value: Value) => Promise<void>): Paced<Value> {
  let waiting: { value: Value } | undefined;
  let busy = false;
  let taken: PromiseWithResolvers<void> | undefined;
  const over = new AbortController();
  const run = async () => {
    busy = true;
    while (waiting !== undefined && !over.signal.aborted) {
      const { value } = waiting;
      waiting = undefined;
      const begun = clock.monotonic();
      await work(value).catch((error: unknown) => log.warn({ error }, 'control did not take it'));
      if (waiting === undefined) {
        taken?.resolve();
        taken = undefined;
      }
      await clock.sleep(ms - (clock.monotonic() - begun), over.signal);
    }
    busy = false;
  };
  return {
    give(value) {
      taken ??= Promise.withResolvers();
      waiting = { value };
      if (!busy) void run();
    },
    settled: async () => await taken?.promise,
    [Symbol.dispose]() {
      over.abort();
      taken?.resolve();
    },
  };
}
