import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../base/limits.ts';
import { Allowance, AllowanceBySource, HalfOpen, sourceOf } from './admission.ts';

const nobody = () => assert.fail('evicted');

test('one source has its share, and leaving makes room once', () => {
  const halfOpen = new HalfOpen();
  const leaves = Array.from({ length: LIMITS.halfOpenPerSource }, () => halfOpen.enter('192.0.2.1', 0, nobody));
  assert.ok(leaves.every((leave) => leave !== undefined));
  assert.equal(halfOpen.enter('192.0.2.1', 499, nobody), undefined);
  assert.ok(halfOpen.enter('192.0.2.2', 0, nobody));
  leaves[0]?.();
  leaves[0]?.();
  assert.ok(halfOpen.enter('192.0.2.1', 0, nobody));
  assert.equal(halfOpen.enter('192.0.2.1', 0, nobody), undefined);
});

test('all sources together have a limit', () => {
  const halfOpen = new HalfOpen();
  for (let source = 0; source < LIMITS.halfOpenHandshakes; source += 1) assert.ok(halfOpen.enter(`source ${source}`, 0, nobody));
  assert.equal(halfOpen.enter('one more', 499, nobody), undefined);
  assert.equal(halfOpen.size, LIMITS.halfOpenHandshakes);
});

test('one that stopped half way makes room for the next of its source', () => {
  const halfOpen = new HalfOpen();
  const evicted: number[] = [];
  halfOpen.enter('other', 0, nobody);
  for (let one = 0; one < LIMITS.halfOpenPerSource; one += 1) halfOpen.enter('crowded', one, () => evicted.push(one));
  assert.ok(halfOpen.enter('crowded', 500, nobody));
  assert.equal(halfOpen.enter('crowded', 500, nobody), undefined);
  assert.deepEqual(evicted, [0]);
});

test('where all is full, a source that has less than another takes its place at once, one that has as much when the oldest is late', () => {
  const halfOpen = new HalfOpen();
  const evicted: string[] = [];
  for (let source = 0; source < LIMITS.halfOpenHandshakes - 2; source += 1) halfOpen.enter(`source ${source}`, 0, () => evicted.push(`source ${source}`));
  halfOpen.enter('crowded', 0, () => evicted.push('crowded 0'));
  halfOpen.enter('crowded', 0, () => evicted.push('crowded 1'));
  assert.ok(halfOpen.enter('honest', 0, nobody));
  assert.equal(halfOpen.enter('another', 499, nobody), undefined);
  assert.ok(halfOpen.enter('another', 500, nobody));
  assert.deepEqual(evicted, ['crowded 0', 'source 0']);
  assert.equal(halfOpen.size, LIMITS.halfOpenHandshakes);
});

test('an allowance is spent within its second and whole in the next', () => {
  const allowance = new Allowance(2);
  assert.deepEqual(
    [0, 1, 999, 1000, 1001, 1002].map((now) => allowance.spend(now)),
    [true, true, false, true, true, false],
  );
});

test('each source has its own allowance', () => {
  const allowance = new AllowanceBySource(1);
  assert.deepEqual(
    (['a', 'a', 'b', 'a'] as const).map((source, at) => allowance.spend(source, at === 3 ? 1000 : 0)),
    [true, false, true, true],
  );
});

test('forged sources are remembered up to a number', () => {
  const allowance = new AllowanceBySource(1);
  assert.ok(allowance.spend('first', 0));
  for (let forged = 1; forged < 4096; forged += 1) assert.ok(allowance.spend(`forged ${forged}`, 0));
  assert.equal(allowance.spend('one more', 0), false);
  assert.ok(allowance.spend('one more', 1000));
});

for (const [one, other, same] of [
  ['2001:db8:1:2::1', '2001:db8:1:2:ffff::9', true],
  ['2001:db8:1:2::1', '2001:db8:1:3::1', false],
  ['192.0.2.1', '::ffff:192.0.2.1', true],
  ['192.0.2.1', '192.0.2.2', false],
  ['fe80::1%eth0', 'fe80::2%eth0', true],
] as const) {
  test(`${one} and ${other} are ${same ? 'one source' : 'two sources'}`, () => assert.equal(sourceOf(one) === sourceOf(other), same));
}
