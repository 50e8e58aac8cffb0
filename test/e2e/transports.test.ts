// One agent, two transports: over TLS where UDP is shut, back on QUIC when it opens, a transfer across the change, and what status says meanwhile.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { connectTo, startChain } from '../support/chain.ts';
import { type Running, start, succeed, tunnel } from '../support/cli.ts';
import { lacking } from '../support/programs.ts';
import { dial, echoAtOnce, pattern, patternSha256, readToEnd, startTarget } from '../support/tcp.ts';
import { startTinyproxy } from '../support/tinyproxy.ts';
import { type UdpProxy, udpProxy } from '../support/udp-proxy.ts';

const TRANSFER_BYTES = 64 * 1024 * 1024;
const HEAD_START = 'QUIC did not complete within 1.5 s';

/** Resolves when the program has logged what matches, from now on. */
async function logged(running: Running, pattern: RegExp): Promise<void> {
  const before = running.stderr().length;
  while (!pattern.test(running.stderr().slice(before))) await once(running.child.stderr ?? assert.fail('no log'), 'data');
}

/** What the target says; then both ends are done. */
async function ask(t: TestContext, port: number): Promise<string> {
  const socket = await dial(t, port);
  socket.end();
  return await text(socket);
}

interface Stand {
  readonly chain: Awaited<ReturnType<typeof startChain>>;
  readonly network: UdpProxy;
  status(): Promise<Record<string, unknown>>;
  agentStart(...flags: string[]): Running;
}

/** A chain whose agent has stopped and would dial through a UDP network that the test rules. */
async function stand(t: TestContext): Promise<Stand> {
  const chain = await startChain(t);
  await chain.agent.stop();
  const [, address = '', port = ''] = /^(.*):(\d+)$/.exec(String(chain.ready['udp'])) ?? [];
  const network = await udpProxy(t, { address, port: Number(port) });
  const path = join(chain.agentFolder, 'agent.json');
  const config = { ...JSON.parse(readFileSync(path, 'utf8')), quic_endpoint: `127.0.0.1:${network.at.port}`, quic_return: '500ms' };
  writeFileSync(path, JSON.stringify(config), { mode: 0o600 });
  return {
    chain,
    network,
    status: async () => (await succeed(['agent', 'status', '--data-dir', chain.agentFolder, '--json'])).json(),
    agentStart: (...flags) => start(t, ['agent', 'start', '--data-dir', chain.agentFolder, ...flags]),
  };
}

test('UDP shut: online over TLS within 3 s and with the reason; UDP open again: back on QUIC, and a transfer across the change is whole', async (t) => {
  const { chain, network, status, agentStart } = await stand(t);
  network.pass = () => false;
  const began = performance.now();
  const agent = agentStart();
  const ready = await agent.event('ready');
  const took = performance.now() - began;
  t.diagnostic(`online over TLS after ${Math.round(took)} ms`);
  assert.equal(ready['transport'], 'tls');
  assert.ok(took < 3000, `${Math.round(took)} ms`);

  const onTls = await status();
  assert.deepEqual([onTls['state'], onTls['transport'], onTls['reason']], ['online', 'tls', HEAD_START]);
  assert.deepEqual(
    (onTls['links'] as Record<string, unknown>[]).map(({ state, transport }) => [state, transport]),
    [['current', 'tls']],
  );
  const shown = (await succeed(['agent', 'show', 'web1', '--data-dir', chain.gatewayFolder, '--json'])).json();
  assert.equal(shown['transport'], 'tls');

  const target = await startTarget(t, (socket) => void Readable.from(pattern(TRANSFER_BYTES)).pipe(socket));
  const echo = await startTarget(t, (socket) => void socket.pipe(socket));
  const { port } = await connectTo(t, chain, `127.0.0.1:${target}`);
  const forward = await connectTo(t, chain, `127.0.0.1:${echo}`);
  const slow = await dial(t, port);
  await once(slow, 'readable'); // it flows, and stands still from now on
  const back = logged(agent, /"transport":"quic".*"msg":"online"|"msg":"online".*"transport":"quic"/);
  network.pass = () => true;
  await back;
  const onQuic = await status();
  assert.deepEqual([onQuic['transport'], onQuic['reason']], ['quic', null]);
  assert.deepEqual(
    (onQuic['links'] as Record<string, unknown>[]).map(({ state, transport }) => [state, transport]),
    [
      ['ending', 'tls'],
      ['current', 'quic'],
    ],
  );
  await echoAtOnce(t, forward.port, 8);
  const ended = logged(agent, /"msg":"link ended"/);
  assert.deepEqual(await readToEnd(slow), { bytes: TRANSFER_BYTES, sha256: patternSha256(TRANSFER_BYTES), end: 'fin' });
  slow.end(); // its own direction, and with it the channel
  await ended;
  assert.equal(((await status())['links'] as unknown[]).length, 1);
});

test('UDP shut, and only a proxy that demands a password leads out: online over TLS within 3 s', { skip: lacking('tinyproxy') }, async (t) => {
  const { chain, network } = await stand(t);
  network.pass = () => false;
  const proxy = await startTinyproxy(t, chain.folder, { user: 'alice', password: 'hunter2' });
  const env = { HTTPS_PROXY: `http://alice:hunter2@127.0.0.1:${proxy.port}` };
  const began = performance.now();
  const agent = start(t, ['agent', 'start', '--data-dir', chain.agentFolder], { env });
  assert.equal((await agent.event('ready'))['transport'], 'tls');
  const took = performance.now() - began;
  t.diagnostic(`online through the proxy after ${Math.round(took)} ms`);
  assert.ok(took < 3000, `${Math.round(took)} ms`);
  assert.ok(proxy.asked().includes(new URL(String(chain.ready['url'])).host), `${proxy.asked()}`);
  const target = await startTarget(t, (socket) => socket.end('through the proxy'));
  const { port } = await connectTo(t, chain, `127.0.0.1:${target}`);
  assert.equal(await ask(t, port), 'through the proxy');
});

test('a machine without the native library: over TLS at once, and only QUIC is an error that says so', async (t) => {
  const { chain, status } = await stand(t);
  const hooks = join(chain.folder, 'no-quic.mjs');
  const refuse = "if (name.startsWith('@matrixai/quic')) throw new Error('not here'); return next(name, context);";
  writeFileSync(hooks, `import { registerHooks } from 'node:module';\nregisterHooks({ resolve(name, context, next) { ${refuse} } });\n`);
  const env = { NODE_OPTIONS: `--import ${hooks}` };
  const agent = start(t, ['agent', 'start', '--data-dir', chain.agentFolder], { env });
  assert.equal((await agent.event('ready'))['transport'], 'tls');
  assert.equal((await status())['reason'], `no native binary for ${process.platform}-${process.arch}`);
  await agent.stop();
  const onlyQuic = await tunnel(['agent', 'start', '--data-dir', chain.agentFolder, '--transport', 'quic', '--json'], { env });
  assert.deepEqual([onlyQuic.code, (onlyQuic.json()['error'] as { code: string }).code], [6, 'quic.unavailable']);
});

test('UDP shut at enrolment: the identity is proved over TLS; by choice only TLS, or only QUIC', async (t) => {
  const { chain, network, status, agentStart } = await stand(t);
  network.pass = () => false;
  const mint = ['token', 'mint', '--data-dir', chain.gatewayFolder, '--kind', 'agent', '--name', 'web2', '--out', join(chain.folder, 'web2.token')];
  await succeed(mint);
  const enrol = ['agent', 'enroll', '--token-file', join(chain.folder, 'web2.token'), '--data-dir', join(chain.folder, 'ag2')];
  await succeed([...enrol, '--quic-endpoint', `127.0.0.1:${network.at.port}`]);

  network.pass = () => true;
  const overTls = agentStart('--transport', 'tls');
  assert.equal((await overTls.event('ready'))['transport'], 'tls');
  assert.equal((await status())['reason'], '--transport tls');
  const target = await startTarget(t, (socket) => socket.end('over TLS'));
  const { port } = await connectTo(t, chain, `127.0.0.1:${target}`);
  assert.equal(await ask(t, port), 'over TLS');
  assert.equal(await overTls.stop(), 0);

  network.pass = () => false;
  const onlyQuic = await tunnel(['agent', 'start', '--data-dir', chain.agentFolder, '--transport', 'quic', '--wait', '2s', '--json']);
  assert.equal(onlyQuic.code, 7, onlyQuic.stderr);
});

test('agent status: a socket for its owner, exit 6 without an agent, 3 without an identity', async (t) => {
  const chain = await startChain(t);
  const socket = join(chain.agentFolder, 'agent.sock');
  assert.equal(statSync(socket).mode & 0o777, 0o600);
  const { stdout } = await succeed(['agent', 'status', '--data-dir', chain.agentFolder]);
  assert.match(stdout, /state +online/);
  assert.match(stdout, /current +quic +127\.0\.0\.1:\d+/);
  const ended = logged(chain.agent, /"msg":"link ended"/);
  await chain.gateway.stop();
  await ended;
  const alone = (await succeed(['agent', 'status', '--data-dir', chain.agentFolder, '--json'])).json();
  assert.equal(alone['state'], 'connecting');
  assert.deepEqual(alone['links'], []);

  await chain.agent.stop();
  const gone = await tunnel(['agent', 'status', '--data-dir', chain.agentFolder, '--json']);
  assert.equal(gone.code, 6);
  const error = gone.json()['error'] as { code: string; message: string };
  assert.equal(error.code, 'agent.offline');
  assert.match(error.message, /web1 .* does not run here; its certificate is valid until/);
  assert.equal((await tunnel(['agent', 'status', '--data-dir', join(chain.folder, 'none')])).code, 3);
});
