// What every command owes a script, asked of the built program: JSON alone on standard output, exit codes, signals, pipes that close.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { BIN, run, start, succeed, temporaryFolder, tunnel } from '../support/cli.ts';
import { lacking } from '../support/programs.ts';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));

for (const [name, args, code] of [
  ['an unknown command', ['conect'], 'usage'],
  ['an unknown command of a topic', ['agent', 'enrol'], 'usage'],
  ['an argument too many', ['agent', 'list', 'extra'], 'usage'],
  ['an unknown flag', ['agent', 'list', '--nope'], 'usage'],
  ['a missing argument', ['agent', 'show'], 'usage'],
  ['a missing required flag', ['token', 'mint'], 'usage'],
  ['a missing value', ['connect', '10.0.0.5:22', '--listen'], 'usage.missing-value'],
  ['no target', ['connect'], 'usage.missing-value'],
  ['no command after --', ['connect', '10.0.0.5:22', '--'], 'usage.missing-value'],
  ['a flag of ssh that is reserved', ['connect', '-R', '8080:localhost:80', '10.0.0.5:22'], 'usage'],
  ['a flag of ssh that is reserved', ['connect', '-R', '8080:10.0.0.5:22'], 'usage'],
] as const) {
  test(`${name}: exit 2, and with --json one document`, async () => {
    const at = args.indexOf('--' as never);
    const asJson = await tunnel(at === -1 ? [...args, '--json'] : [...args.slice(0, at), '--json', ...args.slice(at)]);
    assert.equal(asJson.code, 2, asJson.stdout);
    assert.equal(asJson.stdout.trim().split('\n').length, 1);
    const { error } = asJson.json() as { error: Record<string, string> };
    assert.equal(error['code'], code);
    assert.ok(error['message'] && error['hint']);
    assert.equal(asJson.stderr, '');
    const asText = await tunnel(args);
    assert.deepEqual([asText.code, asText.stdout], [2, '']);
    assert.equal(asText.stderr, `error: ${error['message']}\n${error['hint']}\n`);
  });
}

test('--json as a variable', async () => {
  const { code, stdout } = await tunnel(['conect'], { env: { TUNNEL_JSON: '1' } });
  assert.equal(code, 2);
  assert.equal(JSON.parse(stdout).error.code, 'usage');
});

test('--debug adds the stack to the text and nothing to the JSON', async (t) => {
  const args = ['whoami', '--config-dir', temporaryFolder(t), '--debug'];
  assert.match((await tunnel(args)).stderr, /\n {4}at /);
  const asJson = await tunnel([...args, '--json']);
  assert.deepEqual(Object.keys((asJson.json() as { error: object }).error).sort(), ['code', 'hint', 'message']);
});

test('--version answers alone', async () => {
  assert.equal((await succeed(['--version'])).stdout, `tunnel ${version}\n`);
});

test('help goes to standard output, of a topic too', async () => {
  assert.match((await succeed(['session', 'open', '--help'])).stdout, /\[TUNNEL_SESSION_AGENT\]/);
  assert.match((await succeed(['connect', '--help'])).stdout, /or fail\.\s+\[TUNNEL_CONNECT_AGENT\]/);
  assert.match((await succeed(['connect', '--help'])).stdout, /TARGET\.\.\./);
  assert.match((await succeed(['agent'])).stdout, /agent enroll/);
  assert.match((await succeed([])).stdout, /connect/);
});

test('a result is one JSON document', async () => {
  const { stdout } = await succeed(['limits', '--json']);
  assert.equal(stdout.trim().split('\n').length, 1);
  assert.equal(JSON.parse(stdout).sessions_per_operator, 64);
});

test('a reader that closes the pipe early is no failure', { skip: process.platform === 'win32' && 'needs sh' }, async () => {
  const { code, stderr } = await run('sh', ['-c', `{ '${process.execPath}' '${BIN}' limits; echo "exit $?" >&2; } | true`]);
  assert.equal(code, 0);
  assert.equal(stderr, 'exit 0\n');
});

test('a token file that others can read is used with a warning; - is standard input', async (t) => {
  const path = join(temporaryFolder(t), 'token');
  await run('sh', ['-c', `umask 022; echo nonsense > '${path}'`]);
  const loose = await tunnel(['login', '--token-file', path, '--config-dir', temporaryFolder(t)]);
  assert.equal(loose.code, 2);
  assert.match(loose.stderr, /^warning: .*token has mode 0644/);
  const piped = await tunnel(['login', '--token-file', '-', '--config-dir', temporaryFolder(t), '--json'], { input: 'nonsense' });
  assert.equal((piped.json() as { error: { code: string } }).error.code, 'string.malformed');
});

test('start commands end with 0 when told to, and say ready once', async (t) => {
  const folder = join(temporaryFolder(t), 'gw');
  await succeed(['ca', 'init', '--data-dir', folder]);
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const gateway = start(t, ['gateway', 'start', '--data-dir', folder, '--listen', '127.0.0.1:0']);
    await gateway.event('ready');
    assert.equal(await gateway.stop(signal), 0);
  }
});

test('as text a start command prints one line', async (t) => {
  const folder = join(temporaryFolder(t), 'gw');
  await succeed(['ca', 'init', '--data-dir', folder]);
  const child = spawn(process.execPath, [BIN, 'gateway', 'start', '--data-dir', folder, '--listen', '127.0.0.1:0'], { stdio: ['ignore', 'pipe', 'ignore'] });
  t.after(() => child.kill('SIGKILL'));
  const said = text(child.stdout);
  await once(child.stdout, 'readable');
  child.kill('SIGTERM');
  await once(child, 'exit');
  assert.match(await said, /^ready https:\/\/127\.0\.0\.1:\d+ \(tcp [^\n]*\)\n$/);
});

test('an older Node gets a sentence', async () => {
  const source = readFileSync(BIN, 'utf8').replace('process.versions.node.split', '"20.19.0".split');
  const { code, stderr } = await run(process.execPath, [
    '--input-type=module',
    '-e',
    source.replaceAll('import.meta.url', JSON.stringify(new URL('../../bin/run.js', import.meta.url).href)).replace(/^#!.*/, ''),
  ]);
  assert.equal(code, 1);
  assert.match(stderr, /needs Node 24/);
});

test('colour on a terminal alone', { skip: lacking('script') }, async (t) => {
  const command = `'${process.execPath}' '${BIN}' whoami --config-dir '${temporaryFolder(t)}'`;
  const terminal = async (typed: string, env: NodeJS.ProcessEnv = {}) =>
    (await run('script', ['-qec', typed, '/dev/null'], { env: { TERM: 'xterm', NO_COLOR: '', ...env } })).stdout;
  const red = '\u001b[31merror: ';
  assert.ok((await terminal(command)).includes(red));
  assert.ok((await terminal(`'${process.execPath}' '${BIN}' conect`)).includes(red));
  for (const [typed, env] of [
    [`${command} --no-color`, {}],
    [command, { NO_COLOR: '1' }],
    [command, { TUNNEL_NO_COLOR: '1' }],
    [`${command} --json`, {}],
    [`${command} 2>&1 | cat`, {}],
  ] as const) {
    const said = await terminal(typed, env);
    assert.match(said, /nobody is logged in/);
    assert.ok(!said.includes('\u001b'), typed);
  }
});
