// Plain HTTP through the proxy: what reaches the target, what comes back, bodies of any size, cuts, and curl without --proxytunnel.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type ClientRequest, createServer, request as httpRequest, type IncomingMessage, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { connect } from 'node:tls';
import { type Stand, startStand, TOKEN } from '../../../../../test/support/edge-stand.ts';
import { startTarget } from '../../../../../test/support/tcp.ts';

const AUTHORIZATION = { 'proxy-authorization': `Basic ${Buffer.from(`tunnel:${TOKEN}`).toString('base64')}` };
const MIB = 1024 * 1024;

async function startProxied(t: TestContext, answer: RequestListener): Promise<{ stand: Stand; port: number }> {
  const stand = await startStand(t, { proxy: true });
  await stand.agent();
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { stand, port: (server.address() as AddressInfo).port };
}

/** A request in absolute form on a TLS connection of its own. */
async function ask(t: TestContext, { edge, ca }: Stand, url: string, { method = 'GET', headers = {} } = {}): Promise<ClientRequest> {
  assert.ok(edge.proxy);
  const tls = connect({ host: '127.0.0.1', port: edge.proxy.port, ca: ca.caPem, servername: 'localhost' });
  tls.on('error', () => {});
  t.after(() => tls.destroy());
  await once(tls, 'secureConnect');
  return httpRequest({ createConnection: () => tls, method, path: url, headers: { host: 'ignored', ...AUTHORIZATION, ...headers } });
}

async function answerOf(request: ClientRequest): Promise<IncomingMessage> {
  return (await once(request, 'response'))[0];
}

test('what reaches the target and what comes back', async (t) => {
  const { stand, port } = await startProxied(t, (request, response) => {
    response.writeHead(203, 'Almost', ['Set-Cookie', 'a=1', 'Set-Cookie', 'b=2', 'Proxy-Authenticate', 'Basic', 'Connection', 'close, x-hop', 'X-Hop', '1']);
    response.end(JSON.stringify({ method: request.method, url: request.url, headers: request.headers }));
  });
  const headers = { connection: 'keep-alive, x-mine', 'x-mine': '1', 'proxy-connection': 'keep-alive', te: 'trailers', upgrade: 'websocket', 'x-kept': 'yes' };
  const request = await ask(t, stand, `http://127.0.0.1:${port}/a/b?c=d`, { headers });
  request.end();
  const answer = await answerOf(request);
  const seen = JSON.parse(await text(answer));
  assert.deepEqual(seen, {
    method: 'GET',
    url: '/a/b?c=d',
    headers: { host: `127.0.0.1:${port}`, 'x-kept': 'yes', via: '1.1 tunnel', connection: 'close' },
  });
  assert.deepEqual([answer.statusCode, answer.statusMessage], [203, 'Almost']);
  assert.deepEqual(answer.headers['set-cookie'], ['a=1', 'b=2']);
  assert.equal(answer.headers['via'], '1.1 tunnel');
  assert.deepEqual([answer.headers['proxy-authenticate'], answer.headers['x-hop']], [undefined, undefined]);
  await stand.control.until(() => stand.control.events.some(({ kind }) => kind === 'ended'));
  const ended = stand.control.events.find(({ kind }) => kind === 'ended');
  assert.ok(ended?.kind === 'ended' && ended.reason === 'ended', JSON.stringify(ended));
});

test('without a port it is 80, without a path it is /', async (t) => {
  const stand = await startStand(t, { proxy: true });
  await stand.agent();
  const asked = [];
  for (const url of ['http://a.example', 'http://a.example:?q', 'HTTP://[::1]/', 'http://a.example:81/']) {
    const request = await ask(t, stand, url);
    request.end();
    (await answerOf(request)).resume();
    asked.push(stand.control.asked.at(-1)?.target);
  }
  assert.deepEqual(asked, ['a.example:80', 'a.example:80', '[::1]:80', 'a.example:81']);
});

for (const [how, headers] of [
  ['with its length', { 'content-length': String(8 * MIB) }],
  ['in chunks', {}],
  ['announced by Expect', { 'content-length': String(8 * MIB), expect: '100-continue' }],
] as const) {
  test(`bodies of 8 MiB both ways, ${how}`, async (t) => {
    const { stand, port } = await startProxied(t, (request, response) => void request.pipe(response));
    const request = await ask(t, stand, `http://127.0.0.1:${port}/`, { method: 'POST', headers });
    const sent = Buffer.alloc(8 * MIB, 'tunnel');
    if ('expect' in headers) {
      request.flushHeaders();
      await once(request, 'continue');
    }
    Readable.from([sent]).pipe(request);
    assert.ok((await buffer(await answerOf(request))).equals(sent));
  });
}

test('requests one after the other on one connection, HEAD and 204 among them', async (t) => {
  const { stand, port } = await startProxied(t, (request, response) => {
    if (request.method === 'DELETE') response.writeHead(204).end();
    else response.end(request.url);
  });
  assert.ok(stand.edge.proxy);
  const tls = connect({ host: '127.0.0.1', port: stand.edge.proxy.port, ca: stand.ca.caPem, servername: 'localhost' });
  t.after(() => tls.destroy());
  const line = (method: string, last = '') =>
    `${method} http://127.0.0.1:${port}/${method} HTTP/1.1\r\nHost: x\r\nProxy-Authorization: ${AUTHORIZATION['proxy-authorization']}\r\n${last}\r\n`;
  tls.write(line('HEAD') + line('DELETE') + line('GET', 'Connection: close\r\n'));
  const said = await text(tls);
  assert.deepEqual(said.match(/^HTTP\/1\.1 \d+/gm), ['HTTP/1.1 200', 'HTTP/1.1 204', 'HTTP/1.1 200']);
  assert.match(said, /\/GET(\r\n|$)/);
});

test('an answer that is cut is cut here too, and a target that speaks no HTTP is 502', async (t) => {
  const stand = await startStand(t, { proxy: true });
  await stand.agent();
  const half = await startTarget(t, (socket) => void socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf')));
  const request = await ask(t, stand, `http://127.0.0.1:${half}/`);
  request.end();
  await assert.rejects(text(await answerOf(request)), { code: 'ECONNRESET' });
  for (const nonsense of ['SSH-2.0-OpenSSH\r\n', '']) {
    const other = await startTarget(t, (socket) => void socket.on('error', () => {}).once('data', () => socket.end(nonsense)));
    const second = await ask(t, stand, `http://127.0.0.1:${other}/`);
    second.end();
    const answer = await answerOf(second);
    assert.deepEqual([answer.statusCode, answer.headers['tunnel-error']], [502, 'target.unreachable']);
  }
});

test('an answer before the request has ended is all that is wanted', async (t) => {
  const { stand, port } = await startProxied(t, (_request, response) => void response.writeHead(413, { connection: 'close' }).end('too much'));
  const request = await ask(t, stand, `http://127.0.0.1:${port}/`, { method: 'POST' });
  request.on('error', () => {}).write('half a body');
  const answer = await answerOf(request);
  assert.deepEqual([answer.statusCode, await text(answer)], [413, 'too much']);
  await stand.control.until(() => stand.control.events.some(({ kind }) => kind === 'ended'));
});

test('a client that leaves is a reset at the target', async (t) => {
  const stand = await startStand(t, { proxy: true });
  await stand.agent();
  const { promise: cut, resolve } = Promise.withResolvers<string>();
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  const port = await startTarget(t, (socket) => {
    socket.on('error', (error) => resolve('code' in error ? String(error.code) : '')).on('end', () => resolve('end'));
    socket.once('data', () => begin());
  });
  const request = await ask(t, stand, `http://127.0.0.1:${port}/`, { method: 'POST' });
  request.on('error', () => {}).write('half a body');
  await begun;
  request.destroy();
  assert.equal(await cut, 'ECONNRESET');
});
