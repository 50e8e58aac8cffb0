// A third of the life that a certificate really has: what it is dated back does not count.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renewalDue } from './renewal.ts';

const MINUTE = 60_000;
const DAY = 86_400_000;

for (const [what, lifetimeMs, askAgainAt] of [
  ['90 days', 90 * DAY, 60 * DAY],
  ['a minute', MINUTE, 40_000],
  ['30 s', 30_000, 20_000],
] as const) {
  test(`${what}, dated five minutes back: due after two thirds`, () => {
    assert.deepEqual(renewalDue(-5 * MINUTE, lifetimeMs, 0), { due: false, askAgainAt });
    assert.deepEqual(renewalDue(-5 * MINUTE, lifetimeMs, askAgainAt - 1), { due: false, askAgainAt });
    assert.deepEqual(renewalDue(-5 * MINUTE, lifetimeMs, askAgainAt), { due: true });
  });
}

test('one of somebody else that lives for less than that is not taken for dated back', () => {
  assert.deepEqual(renewalDue(0, 3 * MINUTE, MINUTE), { due: false, askAgainAt: 2 * MINUTE });
});
