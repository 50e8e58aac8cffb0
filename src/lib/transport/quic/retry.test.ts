import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LIMITS } from '../../base/limits.ts';
import { retryTokens } from './retry.ts';

const tokens = retryTokens(new Uint8Array(32).fill(1));
const from = { address: '192.0.2.1', port: 4433 };
const original = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
const chosen = new Uint8Array(20).fill(9);
const now = Date.UTC(2026, 0, 1);
const token = tokens.mint(from, original, chosen, now);

test('a token opens for whom it was made', () => {
  assert.deepEqual(Uint8Array.from(tokens.open(token, from, chosen, now + LIMITS.retryTokenMs) ?? []), original);
});

for (const [what, open] of [
  ['another address', () => tokens.open(token, { ...from, address: '192.0.2.2' }, chosen, now)],
  ['another port', () => tokens.open(token, { ...from, port: 4434 }, chosen, now)],
  ['digits that move from the address to the port', () => tokens.open(token, { address: '192.0.2.14', port: 433 }, chosen, now)],
  ['another connection id', () => tokens.open(token, from, new Uint8Array(20).fill(8), now)],
  ['a moment too late', () => tokens.open(token, from, chosen, now + LIMITS.retryTokenMs + 1)],
  ['a clock that went far back', () => tokens.open(token, from, chosen, now - LIMITS.retryTokenMs - 1)],
  ['another secret', () => retryTokens(new Uint8Array(32).fill(2)).open(token, from, chosen, now)],
] as const) {
  test(`a token does not open for ${what}`, () => assert.equal(open(), undefined));
}

test('random bytes never open and never throw', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => tokens.open(bytes, from, chosen, now) === undefined));
});

test('a token with any byte changed, cut or added does not open', () => {
  for (let at = 0; at < token.length; at += 1) {
    const changed = Uint8Array.from(token);
    changed[at] = (changed[at] ?? 0) ^ 1;
    assert.equal(tokens.open(changed, from, chosen, now), undefined, `byte ${at}`);
    assert.equal(tokens.open(token.subarray(0, at), from, chosen, now), undefined, `cut at ${at}`);
  }
  assert.equal(tokens.open(Uint8Array.from([...token, 0]), from, chosen, now), undefined);
});
