// `tunnel ssh` and `ssh-config` with the system's ssh against a real sshd; `tunnel rdp` with a program in the place of the RDP client, which really connects.
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { type Chain, sharedChain } from '../support/chain.ts';
import { run, start, succeed, temporaryFolder, tunnel } from '../support/cli.ts';
import { lacking } from '../support/programs.ts';
import { startSshd } from '../support/sshd.ts';
import { startTarget } from '../support/tcp.ts';

const USER = userInfo().username;

describe('through one chain', () => {
  const chain = sharedChain();
  const at = (...args: string[]) => [...args, '--config-dir', chain().operatorFolder];

  test('ssh: output, exit code, and a host identity that is checked', { skip: lacking('ssh', 'sshd', 'ssh-keygen') }, async (t) => {
    const folder = temporaryFolder(t);
    const { port, identity } = await startSshd(t, folder);
    const known = join(folder, 'known_hosts');
    const options = (strict: string) => [...identity, '-o', `UserKnownHostsFile=${known}`, '-o', `StrictHostKeyChecking=${strict}`];
    const ssh = (strict: string, ...command: string[]) => tunnel([...at('ssh', `${USER}@127.0.0.1`, '-p', `${port}`), '--', ...options(strict), ...command]);

    const first = await ssh('accept-new', 'cat; exit 3');
    assert.equal(first.code, 3, first.stderr);
    assert.match(readFileSync(known, 'utf8'), new RegExp(`^tunnel:127\\.0\\.0\\.1:${port} ssh-ed25519 `, 'm'));
    const second = await ssh('yes', 'echo', 'known');
    assert.equal(second.stdout, 'known\n', second.stderr);

    // Another machine with that address, on another network: its key is not asked for, and not trusted either.
    rmSync(join(folder, 'host'));
    await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, 'host')]);
    const changed = await ssh('yes', 'echo', 'changed');
    assert.equal(changed.code, 255);
    assert.match(changed.stderr, /REMOTE HOST IDENTIFICATION HAS CHANGED/);
  });

  test('ssh-config: plain ssh goes through the tunnel', { skip: lacking('ssh', 'sshd', 'ssh-keygen') }, async (t) => {
    const folder = temporaryFolder(t);
    const { port } = await startSshd(t, folder);
    const { config, hosts } = (await succeed([...at('ssh-config'), '--json'])).json() as { config: string; hosts: unknown };
    assert.deepEqual(hosts, [
      { pattern: 'localhost', host_key_alias: 'tunnel:localhost' },
      { pattern: '::1', host_key_alias: 'tunnel:::1' },
      { pattern: '127.*', host_key_alias: null },
    ]);
    const file = join(folder, 'config');
    const common = [
      `IdentityFile ${folder}/user`,
      'BatchMode yes',
      `UserKnownHostsFile ${folder}/known`,
      'StrictHostKeyChecking accept-new',
      `User ${USER}`,
      `Port ${port}`,
    ];
    writeFileSync(file, `${config}\n\nHost *\n${common.map((line) => `  ${line}\n`).join('')}`, { mode: 0o600 });
    for (const [host, identity] of [
      ['localhost', 'tunnel:localhost '],
      ['127.0.0.1', `[127.0.0.1]:${port} `],
    ] as const) {
      const answer = await run('ssh', ['-v', '-F', file, host, 'echo', 'plain']);
      assert.equal(answer.stdout, 'plain\n', answer.stderr);
      assert.match(answer.stderr, /Executing proxy command: exec .* connect --stdio/);
      assert.ok(readFileSync(join(folder, 'known'), 'utf8').includes(identity), identity);
    }
    assert.match((await succeed(at('ssh-config', '10.0.0.7'))).stdout, /^Host 10\.0\.0\.7\n {2}HostKeyAlias tunnel:10\.0\.0\.7\n {2}ProxyCommand \S/m);
  });

  test('rdp: the client finds its file and its port, and nothing is left', { skip: process.platform !== 'linux' && 'the client of Linux' }, async (t) => {
    const desktop = await startTarget(t, (socket) => void socket.end('a desktop'));
    const programs = programsWith(t, 'xfreerdp', [
      "import { readFileSync, statSync } from 'node:fs';",
      "import { connect } from 'node:net';",
      'const file = process.argv[2];',
      "const [, host, port] = /^full address:s:(.*):(\\d+)\\r$/m.exec(readFileSync(file, 'utf8'));",
      "const said = { file, mode: (statSync(file).mode & 0o777).toString(8), text: readFileSync(file, 'utf8'), host };",
      "connect(Number(port), host).setEncoding('utf8').on('data', (desktop) => process.stdout.write(JSON.stringify({ ...said, desktop }))).on('end', () => process.exit(7));",
    ]);
    const { code, stdout, stderr } = await tunnel(at('rdp', `127.0.0.1:${desktop}`, '--user', 'CORP\\alice'), { env: { PATH: programs } });
    assert.equal(code, 7, stderr);
    const said = JSON.parse(stdout) as { file: string; mode: string; text: string; host: string; desktop: string };
    assert.deepEqual([said.mode, said.desktop], ['600', 'a desktop']);
    assert.match(said.host, /^127\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\./);
    assert.match(said.text, /^username:s:CORP\\alice\r$/m);
    assert.deepEqual(rdpFiles(chain()), []);
  });

  test('rdp: ended from outside, two at once to one target', { skip: process.platform !== 'linux' && 'the client of Linux' }, async (t) => {
    const target = `127.0.0.1:${await startTarget(t, () => {})}`;
    const programs = programsWith(t, 'xfreerdp3', ['setInterval(() => {}, 1000);']);
    const both = [1, 2].map(() => start(t, at('rdp', target), { env: { PATH: programs } }));
    await Promise.all(both.map((each) => each.event('ready')));
    assert.equal(rdpFiles(chain()).length, 2);
    assert.deepEqual(await Promise.all(both.map((each) => each.stop())), [130, 130]);
    assert.deepEqual(rdpFiles(chain()), []);
  });

  test('rdp: where no client is, what to do without one', { skip: process.platform !== 'linux' && 'the client of Linux' }, async (t) => {
    const finished = await tunnel(at('rdp', '127.0.0.1', '--json'), { env: { PATH: temporaryFolder(t) } });
    assert.equal(finished.code, 5);
    const { error } = finished.json() as { error: { code: string; hint: string } };
    assert.equal(error.code, 'program.missing');
    assert.match(error.hint, /tunnel connect 127\.0\.0\.1:3389/);
  });
});

/** A folder for PATH with this one program, in JavaScript, and node. */
function programsWith(t: TestContext, name: string, lines: readonly string[]): string {
  const folder = temporaryFolder(t);
  mkdirSync(join(folder, 'bin'));
  writeFileSync(join(folder, 'bin', `${name}.mjs`), lines.join('\n'));
  writeFileSync(join(folder, 'bin', name), `#!/bin/sh\nexec '${process.execPath}' '${join(folder, 'bin', `${name}.mjs`)}' "$@"\n`);
  chmodSync(join(folder, 'bin', name), 0o755);
  symlinkSync('/bin/sh', join(folder, 'bin', 'sh'));
  return join(folder, 'bin');
}

function rdpFiles(chain: Chain): string[] {
  return readdirSync(chain.operatorFolder).filter((name) => name.endsWith('.rdp'));
}
