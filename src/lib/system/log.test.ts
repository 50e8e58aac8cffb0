import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';

interface Line {
  readonly agent?: string;
  readonly error?: { readonly message: string; readonly stack?: string };
}

/** What a process with a log of its own writes to standard error. */
function written(script: string): Line[] {
  const source = `
    const { createLog } = await import(${JSON.stringify(new URL('./log.ts', import.meta.url).href)});
    const { TunnelError } = await import(${JSON.stringify(new URL('../base/errors.ts', import.meta.url).href)});
    const log = createLog({ level: 'info' });
    ${script}`;
  const { stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', source], { encoding: 'utf8' });
  return stderr
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
}

test('one event is one line, and no text from elsewhere leaves it raw', () => {
  const [line] = written(`log.info({ agent: 'a\\u001b[31m\\u202eb\\n', error: new Error('bad \\u0085 thing') }, 'seen');`);
  assert.equal(line?.agent, 'a\\u001b[31m\\u202eb\\u000a');
  assert.equal(line?.error?.message, 'bad \\u0085 thing');
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
