import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatSitedTarget, parseSitedTarget } from './sited-target.ts';

for (const [text, site, canonical] of [
  ['10.0.0.5:22', null, '10.0.0.5:22'],
  ['10.0.0.5:22', 'oslo', '10.0.0.5:22@oslo'],
  ['DB.Corp.Example:22@berlin', null, 'db.corp.example:22@berlin'],
  ['[fd00::1]:22@b-2', 'b-2', '[fd00::1]:22@b-2'],
] as const) {
  test(`${text} at ${site} is ${canonical}`, () => {
    const parsed = parseSitedTarget(text, { site });
    assert.equal(formatSitedTarget(parsed), canonical);
    assert.deepEqual(parseSitedTarget(canonical), parsed);
  });
}

for (const text of [
  'user@10.0.0.5:22',
  '10.0.0.5:22@',
  '10.0.0.5:22@Berlin',
  '10.0.0.5:22@a@b',
  '@berlin',
  '10.0.0.5@berlin',
  '10.0.0.5:22@ berlin',
  '10.0.0.5:22@ｂ',
]) {
  test(`${JSON.stringify(text)} is refused`, () => assert.throws(() => parseSitedTarget(text), { code: 'target.malformed' }));
}

test('two sites that disagree are refused', () => {
  assert.throws(() => parseSitedTarget('10.0.0.5:22@berlin', { site: 'oslo' }), { code: 'request.malformed' });
});
