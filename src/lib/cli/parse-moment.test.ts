import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseMoment } from './parse-moment.ts';

const NOW = Date.UTC(2026, 0, 31, 12);

for (const [text, moment] of [
  ['2026-01-31', '2026-01-31T00:00:00.000Z'],
  ['2026-01-31T10:00:00+02:00', '2026-01-31T08:00:00.000Z'],
  ['2h', '2026-01-31T10:00:00.000Z'],
  [undefined, undefined],
] as const) {
  test(`${text} is ${moment}`, () => assert.equal(parseMoment(text, NOW, '--since'), moment));
}

for (const text of ['yesterday', '2026-13-01', '2026-01-31T10:00', '', '-1h']) {
  test(`${JSON.stringify(text)} is refused, and the flag is named`, () => {
    assert.throws(() => parseMoment(text, NOW, '--since'), { code: 'usage', message: /--since/ });
  });
}
