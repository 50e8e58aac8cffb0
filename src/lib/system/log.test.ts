import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import fc from 'fast-check';

interface Line {
  readonly agent?: string;
  readonly text?: string;
  readonly error?: { readonly message: string; readonly stack?: string };
}

/** What a process with a log of its own writes to standard error. */
function written(script: string): Line[] {
  return writtenBy(script).lines;
}

function writtenBy(script: string): { readonly raw: string; readonly lines: Line[] } {
  const source = `
    const { createLog } = await import(${JSON.stringify(new URL('./log.ts', import.meta.url).href)});
    const { TunnelError } = await import(${JSON.stringify(new URL('../base/errors.ts', import.meta.url).href)});
    const log = createLog({ level: 'info' });
    ${script}`;
  const { stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', source], { encoding: 'utf8' });
  const lines = stderr
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
  return { raw: stderr, lines };
}

test('one event is one line, and no text from elsewhere leaves it raw', () => {
  const [line] = written(`log.info({ agent: 'a\\u001b[31m\\u202eb\\n', error: new Error('bad \\u0085 thing') }, 'seen');`);
  assert.equal(line?.agent, 'a\\u001b[31m\\u202eb\\u000a');
  assert.equal(line?.error?.message, 'bad \\u0085 thing');
});

test('whatever is logged, by any way in: one line of JSON without a character that could act on a terminal', () => {
  const nasty = fc.string({
    unit: fc.constantFrom('a', '"', '\\', '\n', '\r', '\u001b', '\u009b', '\u0007', '\u202e', '\u2066', '\u2028', '\u200f', '\ud800', '\u{e0041}'),
  });
  const texts = fc.sample(nasty, { numRuns: 200, seed: 1 });
  const script = `
    for (const text of ${JSON.stringify(texts)}) {
      const error = Object.assign(new Error(text, { cause: new TypeError(text) }), { name: text, code: text });
      log.child({ bound: text }).warn({ text, deep: [{ [text]: text, list: [text] }], error, odd: new Map([[text, text]]), class: new (class { own = text })() }, text);
    }`;
  const { raw, lines } = writtenBy(script);
  assert.equal(lines.length, texts.length);
  assert.doesNotMatch(raw.replaceAll('\n', ''), /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
  for (const line of lines) for (const shown of [line.text, line.error?.message]) assert.doesNotMatch(String(shown), /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
});

test('a stack goes with what nobody foresaw only, causes go along', () => {
  const [foreseen, ours] = written(`
    log.info({ error: new TunnelError('target.refused', 'no', { cause: Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }) }) }, 'one');
    log.error({ error: new TypeError('undefined is not a function') }, 'two');`);
  assert.deepEqual(foreseen?.error, {
    type: 'TunnelError',
    code: 'target.refused',
    message: 'no',
    cause: { type: 'Error', code: 'ECONNREFUSED', message: 'connect' },
  });
  assert.match(String(ours?.error?.stack), /TypeError/);
});
