// Real programs from the distribution's packages on top of the tunnel: ssh against a real sshd, curl.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type TestContext, test } from 'node:test';
import { startChain } from '../support/chain.ts';
import { BIN, run, succeed, tunnel } from '../support/cli.ts';
import { lacking, pathOf } from '../support/programs.ts';
import { pattern, patternSha256 } from '../support/tcp.ts';

const MIB = 1024 * 1024;

test('ssh with ProxyCommand runs a command and copies 256 MiB', { skip: lacking('ssh', 'sshd', 'scp', 'ssh-keygen') }, async (t) => {
  const chain = await startChain(t);
  const { port, options } = await startSshd(t, chain.folder);
  const proxy = `ProxyCommand=${process.execPath} ${BIN} connect --stdio %h:%p --config-dir ${chain.operatorFolder}`;
  const login = `${userInfo().username}@127.0.0.1`;

  const answer = await run('ssh', [...options, '-p', `${port}`, '-o', proxy, login, 'echo over the tunnel; exit 3']);
  assert.equal(answer.stdout, 'over the tunnel\n', answer.stderr);
  assert.equal(answer.code, 3);

  const [source, copy] = [join(chain.folder, 'source'), join(chain.folder, 'copy')];
  await pipeline(pattern(256 * MIB), createWriteStream(source));
  const copied = await run('scp', [...options, '-P', `${port}`, '-o', proxy, source, `${login}:${copy}`]);
  assert.equal(copied.code, 0, copied.stderr);
  const hash = createHash('sha256');
  await pipeline(createReadStream(copy), hash);
  assert.equal(hash.digest('hex'), patternSha256(256 * MIB));
});

test('curl through a forward and through --proxy', { skip: lacking('curl') }, async (t) => {
  const chain = await startChain(t, { gatewayFlags: ['--proxy-listen', '127.0.0.1:0'] });
  const server = createServer((request, response) => request.resume().once('end', () => response.end(`${request.method} ${request.url}`)));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const target = `127.0.0.1:${(server.address() as AddressInfo).port}`;

  const forwarded = await tunnel(['connect', target, '--config-dir', chain.operatorFolder, '--', 'curl', '-sS', 'http://{addr}/forwarded']);
  assert.equal(forwarded.code, 0, forwarded.stderr);
  assert.equal(forwarded.stdout, 'GET /forwarded');

  const session = (await succeed(['session', 'open', target, '--config-dir', chain.operatorFolder, '--json'])).json();
  const curl = (...args: string[]) =>
    run('curl', ['-sS', '--max-time', '20', '--proxy', String(session['proxy']), '--proxy-cacert', String(session['ca_file']), ...args]);
  const token = String(session['token']);
  for (const authorised of [
    ['--proxytunnel', '--proxy-user', `tunnel:${token}`],
    ['--proxytunnel', '--proxy-header', `Proxy-Authorization: Bearer ${token}`],
  ]) {
    const proxied = await curl(...authorised, `http://${target}/proxied`);
    assert.equal(proxied.stdout, 'GET /proxied', proxied.stderr);
  }
  const stranger = await curl('--proxytunnel', `http://${target}/stranger`);
  assert.notEqual(stranger.code, 0);
  assert.match(stranger.stderr, /407/);

  const file = join(chain.folder, 'body');
  writeFileSync(file, Buffer.alloc(3 * MIB));
  const plain = ['--proxy-user', `tunnel:${token}`, '-w', ' %{http_code}'];
  const absolute = await curl(...plain, `http://${target}/absolute`);
  assert.equal(absolute.stdout, 'GET /absolute 200', absolute.stderr);
  const posted = await curl(...plain, '--data-binary', `@${file}`, '-H', 'Expect: 100-continue', `http://${target}/posted`, `http://${target}/again`);
  assert.equal(posted.stdout, 'POST /posted 200POST /again 200', posted.stderr);
  assert.equal((await curl('-w', '%{http_code}', `http://${target}/stranger`)).stdout, '407');
});

/** A real sshd on loopback with keys of its own. */
async function startSshd(t: TestContext, folder: string): Promise<{ port: number; options: string[] }> {
  for (const name of ['host', 'user']) assert.equal((await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, name)])).code, 0);
  writeFileSync(join(folder, 'authorized_keys'), readFileSync(join(folder, 'user.pub')), { mode: 0o600 });
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true });
  // sshd -i serves one connection on its standard input, so the port is one that we listen on ourselves.
  const config = join(folder, 'sshd_config');
  writeFileSync(
    config,
    [
      `HostKey ${folder}/host`,
      `AuthorizedKeysFile ${folder}/authorized_keys`,
      'StrictModes no',
      'UsePAM no',
      'PidFile none',
      'LogLevel ERROR',
      `Subsystem sftp ${pathOf('sftp-server') ?? 'internal-sftp'}`,
    ].join('\n'),
  );
  const listener = createTcpServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    const child = spawn(pathOf('sshd') ?? 'sshd', ['-i', '-e', '-f', config], { stdio: ['pipe', 'pipe', 'inherit'] });
    pipeline(socket, child.stdin).catch(() => socket.destroy());
    pipeline(child.stdout, socket).catch(() => child.kill());
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  t.after(() => listener.close());
  const options = [
    '-F',
    'none',
    '-i',
    join(folder, 'user'),
    '-o',
    'BatchMode=yes',
    '-o',
    'StrictHostKeyChecking=no',
    '-o',
    'UserKnownHostsFile=/dev/null',
    '-o',
    'LogLevel=ERROR',
  ];
  return { port: (listener.address() as AddressInfo).port, options };
}
