import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../../base/limits.ts';
import { Allowance, HalfOpen } from './admission.ts';

test('one address has its share, and leaving makes room once', () => {
  const halfOpen = new HalfOpen();
  const leaves = Array.from({ length: LIMITS.halfOpenPerSource }, () => halfOpen.enter('192.0.2.1'));
  assert.ok(leaves.every((leave) => leave !== undefined));
  assert.equal(halfOpen.enter('192.0.2.1'), undefined);
  assert.ok(halfOpen.enter('192.0.2.2'));
  leaves[0]?.();
  leaves[0]?.();
  assert.ok(halfOpen.enter('192.0.2.1'));
  assert.equal(halfOpen.enter('192.0.2.1'), undefined);
});

test('all addresses together have a limit', () => {
  const halfOpen = new HalfOpen();
  for (let source = 0; source < LIMITS.halfOpenHandshakes; source += 1) assert.ok(halfOpen.enter(`source ${source}`));
  assert.equal(halfOpen.enter('one more'), undefined);
});

test('an allowance is spent within its second and whole in the next', () => {
  const allowance = new Allowance(2);
  assert.deepEqual(
    [0, 1, 999, 1000, 1001, 1002].map((now) => allowance.spend(now)),
    [true, true, false, true, true, false],
  );
});
