// Real programs from the distribution's packages on top of the tunnel: ssh against a real sshd, curl.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { test } from 'node:test';
import { startChain } from '../support/chain.ts';
import { BIN, run, succeed, tunnel } from '../support/cli.ts';
import { lacking } from '../support/programs.ts';
import { startSshd } from '../support/sshd.ts';
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
