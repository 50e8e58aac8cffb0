import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EdgeHealth } from './health.ts';

const LIMITS = { silentMs: 5000, memoryBytes: 1000 };
const SILENT = 'it was silent for more than 5000 ms';

/** Looks every half second, as control does, from 0 to `until`; the time and the verdict of the first that is one. */
function firstVerdict(
  until: number,
  beats: ReadonlyMap<number, number>,
  pauses: readonly (readonly [from: number, to: number])[] = [],
): [number, string] | undefined {
  const health = new EdgeHealth(LIMITS, 0);
  for (let now = 500; now <= until; now += 500) {
    const rssBytes = beats.get(now);
    if (rssBytes !== undefined) health.heard({ rssBytes, lateMs: 0 }, now);
    if (pauses.some(([from, to]) => now > from && now < to)) continue;
    const reason = health.look(now);
    if (reason !== undefined) return [now, reason];
  }
  return undefined;
}

const every = (ms: number, until: number, from = ms) => new Map(Array.from({ length: (until - from) / ms + 1 }, (_, index) => [from + index * ms, 100]));

for (const [what, beats, pauses, verdict] of [
  ['beating', every(500, 70_000), [], undefined],
  ['beating just often enough', every(5000, 70_000), [], undefined],
  ['never heard of', new Map(), [], [5500, SILENT]],
  ['silent after ten seconds', every(500, 10_000), [], [15_500, SILENT]],
  ['too large once', new Map([...every(500, 70_000), [20_000, 1001]]), [], [20_000, 'it took 1001 bytes of memory, more than 1000']],
  ['as large as it may be', new Map([...every(500, 70_000), [20_000, 1000]]), [], undefined],
  ['control itself was stopped for a minute', every(500, 70_000, 61_000), [[1000, 61_000]], undefined],
  ['silent behind a stop of control', every(500, 1000), [[2000, 62_000]], [66_500, SILENT]],
] as const) {
  test(`an edge that is ${what}`, () => {
    assert.deepEqual(firstVerdict(70_000, beats, pauses), verdict);
  });
}
