import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../../../../test/support/manual-clock.ts';
import { Attempts } from './attempts.ts';
import { refusedString } from './refused-string.ts';

test('a source that only shows bad strings has to wait, others do not, and not for ever', async () => {
  const clock = Object.assign(new ManualClock(), { sleep: async () => {} });
  const attempts = new Attempts(clock);
  const bad = () => attempts.count('192.0.2.1', () => Promise.reject(refusedString('login', 'used')));
  for (let count = 0; count < 10_000; count++) await assert.rejects(bad(), { code: 'string.refused' });
  await assert.rejects(bad(), { code: 'limit.reached' });
  assert.equal(await attempts.count('192.0.2.2', async () => 'in'), 'in');
  await clock.advance(60_000);
  assert.equal(await attempts.count('192.0.2.1', async () => 'in'), 'in');
});

test('a refusal is told 50 ms after it was asked for, however soon it was found; a success at once', async () => {
  const clock = new ManualClock();
  const attempts = new Attempts(clock);
  const told: string[] = [];
  const refusal = attempts
    .count('192.0.2.1', async () => {
      await clock.sleep(20);
      throw refusedString('login', 'used');
    })
    .catch(() => told.push('refused'));
  assert.equal(await attempts.count('192.0.2.1', async () => 'in'), 'in');
  await clock.advance(49);
  assert.deepEqual(told, []);
  await clock.advance(1);
  await refusal;
  assert.deepEqual(told, ['refused']);
});
