// A World with a clock that stands still and a log that is kept, for tests that need nothing else of it.
import type { Log, World } from '../../src/lib/base/world.ts';
import { realWorld } from '../../src/lib/system/real-world.ts';
import { ManualClock } from './manual-clock.ts';

export interface QuietWorld extends World {
  readonly clock: ManualClock;
  /** Messages of every level, in order. */
  readonly logged: readonly string[];
}

export function quietWorld(): QuietWorld {
  const logged: string[] = [];
  const keep = (_fields: object, message: string) => void logged.push(message);
  const log: Log = { debug: keep, info: keep, warn: keep, error: keep, child: () => log };
  return { ...realWorld({ log }), clock: new ManualClock(), logged };
}
