import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { backoff } from './backoff.ts';
import { formatDuration, parseDuration } from './duration.ts';
import { escapeText, harmlessJson, safeJson } from './escape.ts';
import { parseName, parseUuid } from './ids.ts';
import { LIMITS } from './limits.ts';

test('durations read and write', () => {
  for (const [text, ms] of [
    ['500ms', 500],
    ['30s', 30_000],
    ['15m', 900_000],
    ['1h', 3_600_000],
    ['30d', 2_592_000_000],
  ] as const) {
    assert.equal(parseDuration(text), ms);
    assert.equal(formatDuration(ms), text);
  }
  for (const bad of ['', '5', 's', '-1s', '1.5h', '1 h', '1w', '99999999999s']) assert.throws(() => parseDuration(bad), { code: 'duration.malformed' }, bad);
});

test('escaped text holds no control, C1, bidi or lone surrogate character', () => {
  assert.equal(escapeText('a\u001b[31mb\u0085\u202e\u2028'), 'a\\u001b[31mb\\u0085\\u202e\\u2028');
  assert.equal(escapeText('bücher 😀'), 'bücher 😀');
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => !/[\p{Cc}\p{Bidi_Control}]/u.test(escapeText(text)) && escapeText(text).isWellFormed()));
});

test('JSON for a terminal: the same value, and nothing in it acts', () => {
  assert.equal(safeJson({ a: '\u009b\u202e\u{e0041}' }), '{"a":"\\u009b\\u202e\\udb40\\udc41"}');
  fc.assert(
    fc.property(fc.jsonValue({ stringUnit: 'binary' }), (value) => {
      const json = safeJson(value);
      assert.deepEqual(JSON.parse(json), JSON.parse(JSON.stringify(value)));
      assert.doesNotMatch(json, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
    }),
  );
  assert.equal(harmlessJson('{"a":1}\n'), '{"a":1}\n');
});

test('names', () => {
  for (const good of ['web1', '0', 'a.b-c_d', 'a'.repeat(63)]) assert.equal(parseName(good), good);
  for (const bad of ['', 'Web1', '-a', '.a', 'a b', 'a\u001b', 'a'.repeat(64), 'ä']) assert.throws(() => parseName(bad), { code: 'name.malformed' }, bad);
});

test('UUIDs with and without hyphens', () => {
  assert.equal(parseUuid('00112233445566778899AABBCCDDEEFF'), '00112233-4455-6677-8899-aabbccddeeff');
  assert.equal(parseUuid('00112233-4455-6677-8899-aabbccddeeff'), '00112233-4455-6677-8899-aabbccddeeff');
  assert.equal(parseUuid('nonsense'), undefined);
});

test('backoff grows to its ceiling and never leaves its bounds', () => {
  fc.assert(
    fc.property(fc.nat(1000), fc.nat(10_000_000), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (failures, outage, fraction) => {
      const wait = backoff(failures, outage, { fraction: () => fraction });
      const ceiling = outage < LIMITS.backoffEarlyMs ? LIMITS.backoffEarlyCeilingMs : LIMITS.backoffCeilingMs;
      assert.ok(wait > 0 && wait <= Math.min(ceiling, LIMITS.backoffFirstMs * 2 ** Math.min(failures, 30)));
    }),
  );
});
