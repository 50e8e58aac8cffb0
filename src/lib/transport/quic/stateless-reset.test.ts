import assert from 'node:assert/strict';
import { test } from 'node:test';
import { realWorld } from '../../system/real-world.ts';
import { statelessResets } from './stateless-reset.ts';

const { random } = realWorld();
const id = new Uint8Array(20).fill(5);
const resets = statelessResets(new Uint8Array(32).fill(1));

test('an answer ends in what was announced for that id, and looks like a short-header packet', () => {
  const answer = resets.answer(id, 100, random);
  assert.ok(answer);
  assert.equal(BigInt(`0x${Buffer.from(answer.subarray(-16)).toString('hex')}`), resets.announce(id));
  assert.equal((answer[0] ?? 0) >> 6, 1);
});

test('another id or another secret has another token', () => {
  assert.notEqual(resets.announce(id), resets.announce(new Uint8Array(20).fill(6)));
  assert.notEqual(resets.announce(id), statelessResets(new Uint8Array(32).fill(2)).announce(id));
});

for (const [came, answered] of [
  [21, undefined],
  [22, 21],
  [39, 38],
  [1350, 64],
] as const) {
  test(`${came} bytes are answered by ${answered}: always less, so that two peers cannot answer each other for ever`, () =>
    assert.equal(resets.answer(id, came, random)?.length, answered));
}
