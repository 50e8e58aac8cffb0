import assert from 'node:assert/strict';
import { test } from 'node:test';
import { quietWorld } from '../../../../test/support/quiet-world.ts';
import { DROP_REASONS, Drops } from './drops.ts';

const from = { address: '192.0.2.1', port: 4 };

test('a million drops are counted by reason and said in one line a minute', () => {
  const { log, logged } = quietWorld();
  const drops = new Drops(log);
  for (let dropped = 0; dropped < 1_000_000; dropped += 1) drops.add(dropped % 2 === 0 ? 'token' : 'small', from, dropped / 100_000);
  assert.equal(logged.length, 1);
  drops.add('moved', from, 60_001);
  assert.equal(logged.length, 2);
  assert.equal(drops.total, 1_000_001);
  assert.deepEqual([drops.counts.token, drops.counts.small, drops.counts.moved], [500_000, 500_000, 1]);
});

test('every reason has its count from the start', () => {
  assert.deepEqual(Object.keys(new Drops(quietWorld().log).counts), [...DROP_REASONS]);
});
