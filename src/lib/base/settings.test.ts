import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { z } from 'zod';
import { parseConfigFile, unknownKeys } from './config-file.ts';
import { TunnelError } from './errors.ts';
import { changesBetween, givenFlags, settle } from './settings.ts';

const DEFAULTS = { level: 'info', routes: [], url: null };
const given = { level: { value: 'debug', by: 'flag' } } as const;

test('flag before variable before file before default; null and an empty list are not set', () => {
  const said = givenFlags({ logLevel: 'level', place: 'url' }, { logLevel: 'debug', place: 'https://a' }, new Set(['url']));
  const origins = (flags: typeof said, file: object) => settle(DEFAULTS, flags, { ...file }).map(({ value, origin }) => [value, origin]);
  const file = { level: 'warn', routes: ['10.0.0.0/8'], url: 'https://b', other: 1 };
  assert.deepEqual(origins(said, file), [
    ['debug', 'flag'],
    [['10.0.0.0/8'], 'file'],
    ['https://a', 'environment'],
  ]);
  assert.deepEqual(origins({}, { routes: [], url: null }), [
    ['info', 'default'],
    [[], 'default'],
    [null, 'default'],
  ]);
});

test('what another file changes, and when', () => {
  const files = { before: { url: 'a' }, after: { level: 'warn', routes: ['x'], url: 'a' } };
  const effects = changesBetween(DEFAULTS, given, files, new Set(['level', 'url'])).map(({ setting, effect }) => `${setting} ${effect}`);
  assert.deepEqual(effects, ['level overridden', 'routes restart']);
  assert.deepEqual(changesBetween(DEFAULTS, {}, { before: { level: 'info' }, after: {} }, new Set()), [], 'the default, written or not');
});

const SHAPE = z.looseObject({ a: z.string(), b: z.number().optional() });
const refusal = (text: string): string => {
  try {
    parseConfigFile({ path: 'f', content: Buffer.from(text) }, SHAPE, 'hint');
  } catch (error) {
    if (error instanceof TunnelError && error.code === 'config.invalid') return error.message;
    throw error;
  }
  return '';
};

for (const [text, message] of [
  ['{"a": "x"}', ''],
  ['{"x": {"b": 1},\n"a": "y",\n"b": "z"}', 'f, line 3: b: expected number, received string'],
  ['{"b":\n"}", "a": 1}', 'f, line 2: a: expected string, received number'],
  ['{}', 'f: a is missing'],
  ['{"a": "x",\n}', 'f, line 2: not JSON'],
  ['{\n"a": secret}', 'f, line 2: not JSON'],
] as const)
  test(`${JSON.stringify(text)}: ${message || 'good'}`, () => assert.equal(refusal(text), message));

test('whatever the text: parsed, or refused as config.invalid with a line of the file', () => {
  const texts = fc.oneof(
    fc.string(),
    fc.json(),
    fc.array(fc.constantFrom('{', '}', '"a"', ':', ',', '\n', '"', '\\', '1', 'x', '[', ']'), { maxLength: 12 }).map((parts) => parts.join('')),
  );
  fc.assert(
    fc.property(texts, (text) => {
      const [, line] = /^f, line (\d+): /.exec(refusal(text)) ?? [];
      if (line !== undefined) assert.ok(Number(line) <= text.split('\n').length);
      unknownKeys(Buffer.from(text), {});
    }),
  );
});
