// Behind an HTTP proxy: the real command line through a real tinyproxy that demands a password, and around it.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { connectTo, startChain } from '../support/chain.ts';
import { start, succeed, temporaryFolder, tunnel } from '../support/cli.ts';
import { startConnectProxy } from '../support/connect-proxy.ts';
import { lacking } from '../support/programs.ts';
import { echoAtOnce, startTarget } from '../support/tcp.ts';
import { makeTestCa } from '../support/test-ca.ts';
import { startTinyproxy } from '../support/tinyproxy.ts';

const USER = 'alice';
const PASSWORD = 'hunter2secret';

test('enrolment, login, connections and the API go through the proxy that HTTPS_PROXY names', { skip: lacking('tinyproxy') }, async (t) => {
  const folder = temporaryFolder(t);
  const proxy = await startTinyproxy(t, folder, { user: USER, password: PASSWORD });
  const env = { HTTPS_PROXY: `http://${USER}:${PASSWORD}@127.0.0.1:${proxy.port}` };
  const chain = await startChain(t, { env });
  const place = new URL(String(chain.ready['url'])).host;
  // First contact and the request itself, for agent and operator each; an agent whose QUIC is slow may ask once more.
  const first = proxy.asked();
  assert.ok(first.length >= 4, `${first}`);

  const target = await startTarget(t, (socket) => void socket.pipe(socket));
  const config = ['--config-dir', chain.operatorFolder];
  const forward = start(t, ['connect', `127.0.0.1:${target}`, ...config], { env });
  const port = Number(/:(\d+)$/.exec(String((await forward.event('ready'))['listen']))?.[1]);
  await echoAtOnce(t, port, 16);
  const carried = proxy.asked();
  assert.ok(carried.length >= first.length + 2, `the session and its connection: ${carried}`);
  assert.deepEqual(new Set(carried), new Set([place]));

  await succeed(['whoami', ...config], { env });
  await succeed(['agent', 'list', ...config], { env: { ALL_PROXY: env.HTTPS_PROXY } });
  await succeed(['agent', 'list', ...config], { env: { https_proxy: env.HTTPS_PROXY, HTTPS_PROXY: 'http://127.0.0.1:1' } });
  assert.equal(proxy.asked().length, carried.length + 3);

  const around = await succeed(['whoami', ...config], { env: { ...env, NO_PROXY: '127.0.0.0/8' } });
  assert.equal(proxy.asked().length, carried.length + 3, around.stdout);
  await succeed(['gateway', 'status', '--data-dir', chain.gatewayFolder], { env: { HTTPS_PROXY: 'http://127.0.0.1:1' } });

  const failures: [string, string, NodeJS.ProcessEnv, number, RegExp][] = [
    ['a wrong password', 'proxy.refused', { HTTPS_PROXY: env.HTTPS_PROXY.replace(PASSWORD, 'hunter3secret') }, 3, /refused the user and password.*HTTPS_PROXY/],
    ['no password', 'proxy.refused', { HTTPS_PROXY: `http://127.0.0.1:${proxy.port}` }, 3, /demands a user and password.*HTTPS_PROXY/],
    [
      'no proxy there',
      'gateway.unreachable',
      { https_proxy: `http://${USER}:${PASSWORD}@127.0.0.1:1` },
      6,
      /through the proxy http:\/\/127\.0\.0\.1:1 \(https_proxy\)/,
    ],
    ['a broken variable', 'proxy.malformed', { HTTPS_PROXY: `http://${USER}:1/${PASSWORD}@127.0.0.1` }, 2, /HTTPS_PROXY is not the URL/],
    ['SOCKS', 'proxy.malformed', { ALL_PROXY: `socks5://${USER}:${PASSWORD}@127.0.0.1:1` }, 2, /ALL_PROXY names a SOCKS proxy/],
  ];
  for (const [name, code, wrong, exit, told] of failures) {
    for (const args of [['whoami'], ['connect', `127.0.0.1:${target}`, '--wait', '0s']]) {
      const failed = await tunnel([...args, ...config, '--debug'], { env: wrong });
      assert.equal(failed.code, exit, `${name}: ${failed.stderr}`);
      assert.match(failed.stderr.replaceAll('\n', ' '), told, name);
      assert.doesNotMatch(failed.stderr + failed.stdout, /hunter|alice:/, name);
    }
    const json = (await tunnel(['whoami', ...config, '--json'], { env: wrong })).json();
    assert.equal((json['error'] as { code: string }).code, code, name);
  }
  assert.doesNotMatch(chain.agent.stderr() + chain.gateway.stderr() + forward.stderr(), /hunter/);
});

test("an agent's link over TLS goes through the proxy", { skip: lacking('tinyproxy') }, async (t) => {
  const chain = await startChain(t);
  const proxy = await startTinyproxy(t, chain.folder, { user: USER, password: PASSWORD });
  await chain.agent.stop();
  const linked = ['agent', 'start', '--data-dir', chain.agentFolder, '--transport', 'tls'];
  const env = { HTTPS_PROXY: `http://${USER}:${PASSWORD}@127.0.0.1:${proxy.port}` };
  const agent = start(t, linked, { env });
  assert.equal((await agent.event('ready'))['transport'], 'tls');
  assert.deepEqual(proxy.asked(), [new URL(String(chain.ready['url'])).host]);
  const target = await startTarget(t, (socket) => void socket.pipe(socket));
  const { port } = await connectTo(t, chain, `127.0.0.1:${target}`);
  await echoAtOnce(t, port, 16);
  assert.equal(proxy.asked().length, 1);
  assert.doesNotMatch(agent.stderr(), /hunter/);
});

test('a string that the proxy did not let through is not spent', { skip: lacking('tinyproxy') }, async (t) => {
  const chain = await startChain(t);
  const proxy = await startTinyproxy(t, chain.folder, { user: USER, password: PASSWORD });
  const file = join(chain.folder, 'web2.token');
  await succeed([
    'token',
    'mint',
    '--data-dir',
    chain.gatewayFolder,
    '--kind',
    'agent',
    '--name',
    'web2',
    '--routes',
    '10.0.0.0/8',
    '--ports',
    '22',
    '--out',
    file,
  ]);
  const enrol = ['agent', 'enroll', '--token-file', file, '--data-dir', join(chain.folder, 'ag2')];
  const refused = await tunnel(enrol, { env: { HTTPS_PROXY: `http://${USER}:wrong@127.0.0.1:${proxy.port}` } });
  assert.equal(refused.code, 3, refused.stderr);
  assert.match(refused.stderr, /refused the user and password/);
  await succeed(enrol, { env: { HTTPS_PROXY: `http://${USER}:${PASSWORD}@127.0.0.1:${proxy.port}` } });
});

test('a proxy that is spoken to over TLS is held to a certificate of its own', async (t) => {
  const ca = await makeTestCa();
  const proxy = await startConnectProxy(t, { demands: `${USER}:${PASSWORD}`, tls: ca.server });
  const folder = temporaryFolder(t);
  const roots = join(folder, 'proxy-ca.pem');
  writeFileSync(roots, ca.caPem);
  const env = { HTTPS_PROXY: `https://${USER}:${PASSWORD}@localhost:${proxy.port}`, NODE_EXTRA_CA_CERTS: roots };
  const chain = await startChain(t, { env });
  const target = await startTarget(t, (socket) => void socket.pipe(socket));
  const config = ['--config-dir', chain.operatorFolder];
  const running = start(t, ['connect', `127.0.0.1:${target}`, ...config], { env });
  await echoAtOnce(t, Number(/:(\d+)$/.exec(String((await running.event('ready'))['listen']))?.[1]), 4);
  assert.ok(proxy.asked.length >= 6);
  const before = proxy.asked.length;
  const stranger = await tunnel(['whoami', ...config], { env: { HTTPS_PROXY: env.HTTPS_PROXY } });
  assert.equal(stranger.code, 3, stranger.stderr);
  assert.match(stranger.stderr, /certificate of the proxy https:\/\/localhost:\d+ \(HTTPS_PROXY\) is not trusted/);
  assert.doesNotMatch(stranger.stderr, /hunter/);
  const plain = await tunnel(['whoami', ...config], { env: { HTTPS_PROXY: env.HTTPS_PROXY.replace('https:', 'http:') } });
  assert.equal(plain.code, 6, plain.stderr);
  assert.equal(proxy.asked.length, before);
});

test('the quickstart stays on this machine', async () => {
  await succeed(['quickstart'], { env: { HTTPS_PROXY: 'http://127.0.0.1:1' } });
});

test('a proxy is not asked for what the agent connects to', async (t) => {
  const proxy = await startConnectProxy(t);
  const chain = await startChain(t, { env: { HTTPS_PROXY: `http://127.0.0.1:${proxy.port}` } });
  const place = new URL(String(chain.ready['url'])).host;
  const target = await startTarget(t, (socket) => void socket.pipe(socket));
  const running = start(t, ['connect', `127.0.0.1:${target}`, '--config-dir', chain.operatorFolder]);
  const port = Number(/:(\d+)$/.exec(String((await running.event('ready'))['listen']))?.[1]);
  await echoAtOnce(t, port, 4);
  assert.deepEqual(new Set(proxy.asked.map((head) => /^CONNECT (\S+)/.exec(head)?.[1])), new Set([place]));
});
