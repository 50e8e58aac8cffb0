// What a thrown thing becomes: code, one line, a hint; and which exit code each kind gets.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as Args from '@oclif/core/args';
import { CLIError } from '@oclif/core/errors';
import * as Flags from '@oclif/core/flags';
import { parse } from '@oclif/core/parser';
import { ERROR_KINDS, TunnelError } from '../base/errors.ts';
import { EXIT_CODES, EXIT_MEANINGS } from './exit-codes.ts';
import { errorJson, errorLines } from './render-error.ts';
import { understand } from './understand.ts';

test('exit codes as tunnel(1) documents them', () => {
  assert.deepEqual(EXIT_CODES, {
    failed: 1,
    usage: 2,
    unauthenticated: 3,
    forbidden: 4,
    'not-found': 5,
    unreachable: 6,
    timeout: 7,
    conflict: 8,
    limited: 9,
    interrupted: 130,
  });
  for (const kind of Object.values(ERROR_KINDS)) assert.ok(EXIT_MEANINGS[kind], kind);
});

const FLAGS = {
  kind: Flags.option({ options: ['agent', 'operator'] as const })(),
  limit: Flags.integer({ min: 1 }),
  name: Flags.string({ required: true }),
};
const ARGS = { target: Args.string({ required: true, description: 'host:port', ignoreStdin: true }) };

for (const [argv, code, message] of [
  [['x', '--name', 'a', '--nope'], 'usage', 'unknown flag: --nope'],
  [['x', 'y', '--name', 'a'], 'usage', 'unexpected argument: y'],
  [['--name', 'a'], 'usage', 'missing argument: target'],
  [['x'], 'usage', 'missing required flag: --name'],
  [['x', '--name'], 'usage.missing-value', 'flag --name expects a value'],
  [['x', '--name', 'a', '--kind', 'z'], 'usage', 'expected --kind=z to be one of: agent, operator'],
  [['x', '--name', 'a', '--kind'], 'usage.missing-value', 'flag --kind expects one of these values: agent, operator'],
  [['x', '--name', 'a', '--limit', 'few'], 'usage', '--limit: Expected an integer but received: few'],
  [['x', '--name', 'a', '--name', 'b'], 'usage', 'flag --name can only be specified once'],
] as const) {
  test(`wrong usage: ${argv.join(' ')}`, async () => {
    const thrown = await parse([...argv], { args: ARGS, flags: FLAGS }).then(
      () => undefined,
      (error: unknown) => error,
    );
    const error = understand(thrown, 'tunnel token mint');
    assert.deepEqual(error.toJSON(), { code, message, hint: 'tunnel token mint --help' });
    assert.equal(error.kind, 'usage');
  });
}

test('our own errors stay as they are', () => {
  const error = new TunnelError('route.none', 'no agent carries it');
  assert.equal(understand(error, 'tunnel connect'), error);
});

test('an abort is an interruption, anything else is our fault', () => {
  assert.equal(understand(new DOMException('aborted', 'AbortError'), 'x').code, 'interrupted');
  for (const thrown of [new TypeError('x is not a function'), 'text', undefined, new RangeError('')]) {
    const error = understand(thrown, 'x');
    assert.equal(error.code, 'internal');
    assert.ok(error.hint);
  }
  assert.equal(understand(new CLIError('odd'), 'tunnel').kind, 'usage');
});

test('text: what failed and what to do, harmless and without a stack', () => {
  const error = new TunnelError('route.none', 'no agent carries \u001b[31mred\nline', { hint: 'Ask.' });
  assert.deepEqual(errorLines(error, false), ['error: no agent carries \\u001b[31mred\\u000aline', 'Ask.']);
  assert.match(errorLines(error, true).join('\n'), /understand\.test/);
});

test('JSON: a document alone, an event once a stream has begun', () => {
  const error = new TunnelError('route.none', 'none');
  assert.equal(JSON.stringify(errorJson(error, false)), '{"error":{"code":"route.none","message":"none"}}');
  assert.equal(JSON.stringify(errorJson(error, true)), '{"event":"error","error":{"code":"route.none","message":"none"}}');
});
