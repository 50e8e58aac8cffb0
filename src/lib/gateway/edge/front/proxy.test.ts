// The HTTPS proxy for plain clients: curl itself, and HTTP/1.1 by hand where curl is too polite.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer, text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import { promisify } from 'node:util';
import { type Stand, startStand, TOKEN } from '../../../../../test/support/edge-stand.ts';
import { dial, startTarget } from '../../../../../test/support/tcp.ts';

const run = promisify(execFile);
const AUTHORIZED = `Proxy-Authorization: Basic ${Buffer.from(`tunnel:${TOKEN}`).toString('base64')}\r\n`;

function proxyPort({ edge }: Stand): number {
  assert.ok(edge.proxy);
  return edge.proxy.port;
}

/** A TLS connection to the proxy with the TCP socket below it. */
async function dialProxy(t: TestContext, stand: Stand, alpn?: string): Promise<{ tls: TLSSocket; raw: Socket }> {
  const raw = await dial(t, proxyPort(stand));
  const tls = connect({ socket: raw, ca: stand.ca.caPem, servername: 'localhost', ...(alpn === undefined ? {} : { ALPNProtocols: [alpn] }) });
  tls.on('error', () => {});
  t.after(() => raw.destroy());
  await once(tls, 'secureConnect');
  return { tls, raw };
}

/** Sends a request and reads the head of the answer; what follows stays in the socket. */
async function ask(socket: TLSSocket, request: string): Promise<{ status: number; head: string }> {
  socket.write(request);
  let head = '';
  while (!head.includes('\r\n\r\n')) {
    const chunk: Buffer | null = socket.read();
    if (chunk === null) await once(socket, 'readable');
    else head += chunk.toString('latin1');
  }
  const end = head.indexOf('\r\n\r\n') + 4;
  if (head.length > end) socket.unshift(Buffer.from(head.slice(end), 'latin1'));
  return { status: Number(head.split(' ')[1]), head: head.slice(0, end) };
}

const connectTo = (port: number, headers = AUTHORIZED) => `CONNECT 127.0.0.1:${port} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${headers}\r\n`;

test('curl fetches through it, with the token in the URL of the proxy', async (t) => {
  const stand = await startStand(t, { proxy: true });
  await stand.agent();
  const server = createServer((_request, response) => response.end('hello from the target'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const folder = await mkdtemp(join(tmpdir(), 'tunnel-proxy-'));
  t.after(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'ca.pem'), stand.ca.caPem);
  const curl = (proxy: string, ...more: string[]) =>
    run('curl', [
      '-sS',
      '--proxytunnel',
      '--proxy-cacert',
      join(folder, 'ca.pem'),
      '--proxy',
      proxy,
      ...more,
      `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    ]);
  const missing = await run('curl', ['--version']).then(
    () => false,
    () => true,
  );
  if (missing) return t.skip('curl is not installed');
  const proxy = `localhost:${proxyPort(stand)}`;
  assert.equal((await curl(`https://alice:${TOKEN}@${proxy}`)).stdout, 'hello from the target');
  assert.equal((await curl(`https://alice:${TOKEN}@${proxy}`, '--proxy-anyauth')).stdout, 'hello from the target'); // as git does: first without
  await assert.rejects(curl(`https://${proxy}`), { code: 56, stderr: /407/ });
});

for (const alpn of [undefined, 'http/1.1']) {
  test(`by hand, ALPN ${alpn ?? 'not offered'}: bytes that came with the request, half-close, bytes and end reported`, async (t) => {
    const stand = await startStand(t, { proxy: true });
    await stand.agent();
    const port = await startTarget(t, (socket) => void text(socket).then((said) => socket.end(`you said ${said}`)));
    const { tls, raw } = await dialProxy(t, stand, alpn);
    const { status, head } = await ask(tls, `${connectTo(port)}early `);
    assert.equal(status, 200);
    assert.match(head, /\r\ntunnel-agent: web1\r\n/);
    assert.deepEqual(stand.control.asked, [{ sessionToken: TOKEN, target: `127.0.0.1:${port}`, remote: { address: '127.0.0.1', port: raw.localPort } }]);
    tls.end('and late');
    assert.equal(await text(tls), 'you said early and late');
    await stand.control.until(() => stand.control.events.length === 2);
    const ended = stand.control.events[1];
    assert.ok(ended?.kind === 'ended' && ended.reason === 'ended' && ended.bytesUp === 14);
  });
}

test('a reset of the target is a reset on the wire', async (t) => {
  const stand = await startStand(t, { proxy: true });
  await stand.agent();
  const port = await startTarget(t, (socket) => void socket.once('data', () => socket.resetAndDestroy()));
  const { tls } = await dialProxy(t, stand);
  await ask(tls, connectTo(port));
  tls.write('go');
  const [error] = await once(tls.resume(), 'error').catch((thrown) => [thrown]);
  assert.equal(error.code, 'ECONNRESET');
  assert.equal(tls.readableEnded, false);
});

for (const [how, cut] of [
  ['FIN without close_notify', (raw: Socket) => raw.end()],
  ['RST', (raw: Socket) => raw.resetAndDestroy()],
] as const) {
  test(`a client that is cut off by ${how} is a reset at the target`, async (t) => {
    const stand = await startStand(t, { proxy: true });
    await stand.agent();
    const { promise: outcome, resolve } = Promise.withResolvers<string>();
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
    const port = await startTarget(t, (socket) => {
      socket.on('error', (error) => resolve(`error ${'code' in error ? error.code : ''}`));
      socket.on('end', () => resolve('end'));
      socket.on('data', () => begin());
    });
    const { tls, raw } = await dialProxy(t, stand);
    await ask(tls, connectTo(port));
    tls.write('half a request');
    await begun;
    cut(raw);
    assert.equal(await outcome, 'error ECONNRESET');
  });
}

test('refusals: 407 that asks for Basic, 405 for what is asked of the gateway itself, 502 with a code, 400, 431', async (t) => {
  const stand = await startStand(t, { proxy: true });
  await stand.agent();
  const answers: [string, number, RegExp][] = [
    [connectTo(1, ''), 407, /\r\nproxy-authenticate: Basic realm="tunnel"\r\n/],
    [connectTo(1, 'Proxy-Authorization: Basic !!!\r\n'), 407, /tunnel-error: session\.refused/],
    ['GET / HTTP/1.1\r\nHost: x\r\n\r\n', 405, /\r\nallow: CONNECT\r\n/],
    ['GET http://127.0.0.1/ HTTP/1.1\r\nHost: x\r\n\r\n', 407, /\r\nproxy-authenticate: Basic realm="tunnel"\r\n/],
    [`GET http://127.0.0.1:1/ HTTP/1.1\r\nHost: x\r\n${AUTHORIZED}\r\n`, 502, /tunnel-error: target\.refused/],
    [`GET http://user@127.0.0.1/ HTTP/1.1\r\nHost: x\r\n${AUTHORIZED}\r\n`, 400, /tunnel-error: target\.malformed/],
    [`GET https://127.0.0.1/ HTTP/1.1\r\nHost: x\r\n${AUTHORIZED}\r\n`, 400, /tunnel-error: target\.malformed/],
    [connectTo(1), 502, /\r\ntunnel-error: target\.refused\r\n/],
    ['nonsense\r\n\r\n', 400, /^HTTP\/1\.1 400/],
    [`CONNECT a:1 HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 431, /^HTTP\/1\.1 431/],
    [`CONNECT ${'a'.repeat(400)}:1 HTTP/1.1\r\nHost: a\r\n${AUTHORIZED}\r\n`, 400, /tunnel-error: target\.malformed/],
  ];
  for (const [request, status, pattern] of answers) {
    const { tls } = await dialProxy(t, stand);
    const answer = await ask(tls, request);
    assert.equal(answer.status, status, request.slice(0, 60));
    assert.match(answer.head, pattern);
    if (!tls.readableEnded) await once(tls.resume(), 'end');
  }
});

test('4 MiB each way at once', async (t) => {
  const stand = await startStand(t, { proxy: true });
  await stand.agent();
  const port = await startTarget(t, (socket) => void socket.pipe(socket));
  const { tls } = await dialProxy(t, stand);
  await ask(tls, connectTo(port));
  const sent = Buffer.alloc(4 * 1024 * 1024, 'tunnel');
  tls.end(sent);
  assert.ok((await buffer(tls)).equals(sent));
});
