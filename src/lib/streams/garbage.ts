// Gives back the memory of bytes that have passed through, often and cheaply, so that V8 does not look through its whole heap for it.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/**
 * Buffers are garbage outside of V8's heap. It counts them, and for every 16 to 64 MB of them marks everything that lives, which in a program of our size costs
 * 20 to 50 ms of CPU: half of all that a transfer cost (docs/performance.md). Collecting the young generation alone, where they all still are, takes about one.
 */
const BYTES_BETWEEN = 4 * 1024 * 1024;

let passed = 0;
let collectYoung: (() => void) | undefined;

/** To be told of every chunk that a stream has carried. */
export function bytesPassed(bytes: number): void {
  passed += bytes;
  if (passed < BYTES_BETWEEN) return;
  passed = 0;
  collectYoung ??= youngCollector();
  collectYoung();
}

/** V8 shows its collector only to those who ask for it, and only in contexts that begin after that. */
function youngCollector(): () => void {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('() => gc({ type: "minor" })');
  setFlagsFromString('--no-expose-gc');
  return typeof collect === 'function' ? () => void collect() : () => {};
}
