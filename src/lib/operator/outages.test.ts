import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LIMITS } from '../base/limits.ts';
import { Outages } from './outages.ts';

const MINUTE = 60_000;
const latest = { fraction: () => 0.999_999 };

test('one outage of several targets: when each was lost, and how long the longest took', () => {
  const outages = new Outages(latest, 0);
  assert.deepEqual(outages.lost(['a', 'b'], 1000), ['a', 'b']);
  assert.deepEqual(outages.lost(['b', 'c'], 2000), ['c']);
  assert.deepEqual(outages.found(['b', 'c'], 3000), { targets: ['b', 'c'], outageMs: 2000 });
  assert.ok(outages.has('a') && !outages.has('b'));
  assert.equal(outages.found(['b'], 4000), undefined);
  assert.deepEqual(outages.found(['a'], 5000), { targets: ['a'], outageMs: 4000 });
  assert.deepEqual([outages.any, outages.retryAt(false), outages.giveUpAt()], [false, undefined, undefined]);
});

test('attempts come further apart, up to the ceilings of an outage; who waits makes them come within 2 s', () => {
  const outages = new Outages(latest, 0);
  outages.lost(['a'], 0);
  const pauses: number[] = [];
  for (let now = 0; now < 7 * MINUTE; now = outages.retryAt(false) ?? 0) {
    outages.failed(now);
    pauses.push(Math.round((outages.retryAt(false) ?? 0) - now));
    assert.ok((outages.retryAt(true) ?? 0) - now <= LIMITS.healWantedCeilingMs);
  }
  assert.deepEqual(pauses.slice(0, 5), [1000, 2000, 4000, 8000, 8000]);
  assert.equal(pauses.at(-1), LIMITS.backoffCeilingMs);
});

test('a gateway that comes and goes is not stormed: the pace begins anew after a good time only', () => {
  const outages = new Outages(latest, 0);
  for (const _attempt of [1, 2, 3]) {
    outages.lost(['a'], 100_000);
    outages.failed(100_000);
  }
  outages.found(['a'], 101_000);
  outages.lost(['a'], 102_000);
  assert.equal(Math.round((outages.retryAt(false) ?? 0) - 102_000), 4000);
  outages.found(['a'], 103_000);
  outages.lost(['a'], 103_000 + LIMITS.goodLinkMs);
  assert.equal(Math.round((outages.retryAt(false) ?? 0) - 103_000 - LIMITS.goodLinkMs), LIMITS.backoffFirstMs);
});

test('given up after 10 minutes, each for itself', () => {
  const outages = new Outages(latest, 0);
  outages.lost(['a'], 0);
  outages.lost(['b'], MINUTE);
  assert.equal(outages.giveUpAt(), LIMITS.healAtMostMs);
  assert.deepEqual(outages.givenUp(LIMITS.healAtMostMs - 1), []);
  assert.deepEqual(outages.givenUp(LIMITS.healAtMostMs), ['a']);
  assert.ok(outages.has('b'));
  assert.deepEqual(outages.givenUp(LIMITS.healAtMostMs + MINUTE), ['b']);
  assert.equal(outages.any, false);
});

test('whatever happens in whatever order: a retry is due exactly while something is lost, never in the past of its pause', () => {
  const step = fc.record({ what: fc.constantFrom('lost', 'found', 'failed', 'givenUp'), target: fc.constantFrom('a', 'b', 'c'), ms: fc.nat(5 * MINUTE) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const outages = new Outages({ fraction: () => 0 }, 0);
      let now = 0;
      for (const { what, target, ms } of steps) {
        now += ms;
        if (what === 'failed') outages.failed(now);
        else if (what === 'givenUp') outages.givenUp(now);
        else outages[what as 'lost' | 'found']([target], now);
        assert.equal(outages.retryAt(false) !== undefined, outages.any);
        assert.equal(outages.giveUpAt() !== undefined, outages.any);
      }
    }),
  );
});
