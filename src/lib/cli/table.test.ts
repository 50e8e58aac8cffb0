// Tables: columns line up with and without colour, text from elsewhere is harmless.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import fc from 'fast-check';
import { PLAIN } from './colour.ts';
import { formatTable } from './table.ts';

const PAINT = { ...PLAIN, state: (text: string) => text.replace(/^online\b/, '\u001b[32monline\u001b[39m') };

test('states are painted, in a column or beside their field, and nothing else moves', () => {
  const rows = [
    ['online', 'online', '1'],
    ['web\u001b[31m', 'offline', ''],
  ];
  const table = formatTable(['NAME', 'STATE', 'PORTS'], rows, '', PAINT);
  assert.equal(table.split('\u001b').length, 3);
  assert.equal(stripVTControlCharacters(table), formatTable(['NAME', 'STATE', 'PORTS'], rows, ''));
  assert.ok(formatTable(['FIELD', 'VALUE'], [['state', 'online']], '', PAINT).includes('state  \u001b[32monline'));
  assert.equal(formatTable(['A'], [], 'nothing', PAINT), 'nothing');
});

test('no cell gets out of its place: any text from elsewhere, one line a row, no character that acts', () => {
  const row = fc.array(fc.string({ unit: 'binary' }), { minLength: 3, maxLength: 3 });
  fc.assert(
    fc.property(fc.array(row, { minLength: 1, maxLength: 5 }), (rows) => {
      const lines = formatTable(['NAME', 'STATE', 'PORTS'], rows, '').split('\n');
      assert.equal(lines.length, rows.length + 1);
      for (const line of lines) assert.doesNotMatch(line, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
    }),
  );
});
