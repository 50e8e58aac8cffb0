// The way to the gateway over real sockets: directly, and through proxies that work, refuse, lie, stall and hang up.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { createServer as createTlsServer } from 'node:tls';
import { inspect } from 'node:util';
import { startConnectProxy } from '../../../test/support/connect-proxy.ts';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { readToEnd, startTarget } from '../../../test/support/tcp.ts';
import { makeTestCa } from '../../../test/support/test-ca.ts';
import type { ProxyEnvironment, TcpSocket, World } from '../base/world.ts';
import { realWorld } from '../system/real-world.ts';
import { dialTls } from './dial-tls.ts';
import { reach } from './reach.ts';

const base = realWorld({ level: 'silent' });
const SECRET = 'alice:w@rd:/ä';
const CREDENTIAL = 'alice:w%40rd%3A%2F%C3%A4';

function worldWith(environment: ProxyEnvironment, net: Partial<World['net']> = {}): World {
  return { ...base, net: { ...base.net, environment, ...net } };
}

const through = (port: number, credential?: string, net?: Partial<World['net']>) =>
  worldWith({ HTTPS_PROXY: `http://${credential === undefined ? '' : `${credential}@`}127.0.0.1:${port}` }, net);

/** Says what it got back, and ends as it was ended. */
const echo = (t: TestContext) => startTarget(t, (socket) => void socket.pipe(socket));

async function ask(socket: TcpSocket, words: string): Promise<string> {
  socket.end(words);
  return await text(socket);
}

test('directly: addresses are tried until one answers, and all failures are named', async (t) => {
  const port = await echo(t);
  const resolve = async () => ['127.0.0.9', '127.0.0.1'].map((address) => ({ address, family: 4 as const }));
  assert.equal(await ask(await reach({ host: 'gw.example', port }, worldWith({}, { resolve }), t.signal), 'hello'), 'hello');
  const nowhere = { resolve: async () => ['127.0.0.9', '127.0.0.8'].map((address) => ({ address, family: 4 as const })) };
  await assert.rejects(reach({ host: 'gw.example', port }, worldWith({}, nowhere), t.signal), {
    code: 'gateway.unreachable',
    message: new RegExp(`^cannot reach the gateway gw.example:${port}: 127.0.0.9:${port} refused.*127.0.0.8:${port} refused`),
  });
});

test('through a proxy: the name goes to it unresolved, with the credential decoded, and ends stay ends', async (t) => {
  const target = await echo(t);
  const proxy = await startConnectProxy(t, { demands: SECRET, leadsTo: target });
  const resolved: string[] = [];
  const world = through(proxy.port, CREDENTIAL, {
    resolve: (host, signal) => {
      resolved.push(host);
      return base.net.resolve(host, signal);
    },
  });
  assert.equal(await ask(await reach({ host: 'gw.nowhere.invalid', port: 8443 }, world, t.signal), 'hello'), 'hello');
  assert.deepEqual(resolved, ['127.0.0.1']);
  const authorization = Buffer.from(SECRET).toString('base64');
  assert.deepEqual(proxy.asked, [
    `CONNECT gw.nowhere.invalid:8443 HTTP/1.1\r\nHost: gw.nowhere.invalid:8443\r\nProxy-Authorization: Basic ${authorization}\r\n\r\n`,
  ]);
});

test('IPv6 places are asked for in brackets, and without a credential none is sent', async (t) => {
  const proxy = await startConnectProxy(t, { leadsTo: await echo(t) });
  await ask(await reach({ host: 'fd00::1', port: 8443 }, through(proxy.port), t.signal), '');
  assert.deepEqual(proxy.asked, ['CONNECT [fd00::1]:8443 HTTP/1.1\r\nHost: [fd00::1]:8443\r\n\r\n']);
});

test('loopback is proxied, and NO_PROXY goes around the proxy', async (t) => {
  const port = await echo(t);
  const proxy = await startConnectProxy(t);
  const environment = { HTTPS_PROXY: `http://127.0.0.1:${proxy.port}` };
  assert.equal(await ask(await reach({ host: '127.0.0.1', port }, worldWith(environment), t.signal), 'one'), 'one');
  assert.equal(proxy.asked.length, 1);
  assert.equal(await ask(await reach({ host: '127.0.0.1', port }, worldWith({ ...environment, NO_PROXY: '127.0.0.0/8' }), t.signal), 'two'), 'two');
  assert.equal(proxy.asked.length, 1);
});

test('what comes in one piece with the answer of the proxy is not lost', async (t) => {
  const quiet = await startTarget(t, (socket) => socket.end(' and later'));
  const proxy = await startConnectProxy(t, { first: 'at once', leadsTo: quiet });
  assert.equal(await ask(await reach({ host: 'gw', port: 1 }, through(proxy.port), t.signal), ''), 'at once and later');
});

test('an answer in pieces is put together', async (t) => {
  const port = await startTarget(t, (socket) => {
    socket.once('data', async () => {
      for (const piece of 'HTTP/1.0 200\r\nA: b\r\n\r\nhi') {
        await new Promise((written) => socket.write(piece, written));
        await new Promise((turn) => setImmediate(turn));
      }
      socket.end();
    });
  });
  assert.equal(await ask(await reach({ host: 'gw', port: 1 }, through(port), t.signal), ''), 'hi');
});

test('a reset behind the proxy stays a reset, both ways', async (t) => {
  const ended = Promise.withResolvers<string>();
  const port = await startTarget(t, (socket) => {
    socket.once('data', (chunk: Buffer) => {
      if (chunk.toString() === 'reset me') socket.resetAndDestroy();
      else {
        void readToEnd(socket).then(({ end }) => ended.resolve(end));
        socket.write('watching');
      }
    });
  });
  const proxy = await startConnectProxy(t);
  const world = through(proxy.port);
  const first = await reach({ host: '127.0.0.1', port }, world, t.signal);
  first.write('reset me');
  const [error] = await once(first.resume(), 'error');
  assert.equal(error.code, 'ECONNRESET');
  const second = await reach({ host: '127.0.0.1', port }, world, t.signal);
  second.write('watch me');
  await once(second, 'data');
  second.resetAndDestroy();
  assert.equal(await ended.promise, 'reset');
});

for (const [name, answer, code, message] of [
  ['407', 'HTTP/1.1 407 No\r\n\r\n', 'proxy.refused', /refused the user and password/],
  ['401', 'HTTP/1.0 401 Unauthorized\r\n\r\n', 'proxy.refused', /refused the user and password/],
  ['502', 'HTTP/1.1 502 Bad Gateway\r\nX: y\r\n\r\n<html>', 'gateway.unreachable', /answered 502 for gw\.example:443/],
  ['403', 'HTTP/1.1 403 Filtered\r\n\r\n', 'gateway.unreachable', /answered 403/],
  ['a redirect', 'HTTP/1.1 302 Found\r\nLocation: http://login\r\n\r\n', 'gateway.unreachable', /answered 302/],
  ['an interim answer', 'HTTP/1.1 100 Continue\r\n\r\n', 'gateway.unreachable', /answered 100/],
  ['another protocol', 'SSH-2.0-OpenSSH_9.2\r\n\r\n', 'gateway.unreachable', /does not answer like an HTTP proxy/],
  ['garbage', `\0\xff${'x'.repeat(100)}\r\n\r\n`, 'gateway.unreachable', /does not answer like an HTTP proxy/],
  ['HTTP/2', 'HTTP/2 200\r\n\r\n', 'gateway.unreachable', /does not answer like/],
  ['nothing but an end', '', 'gateway.unreachable', /closed the connection too early/],
  ['half an answer', 'HTTP/1.1 200 OK\r\n', 'gateway.unreachable', /closed the connection too early/],
  ['a head without end', `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(40_000)}`, 'gateway.unreachable', /has no end/],
  ['a head that is too long', `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(17_000)}\r\n\r\n`, 'gateway.unreachable', /has no end/],
] as const) {
  test(`a proxy that answers with ${name}: ${code}, with the proxy's name and without the credential`, async (t) => {
    const closed = Promise.withResolvers<void>();
    const port = await startTarget(t, (socket) => {
      socket.once('data', () => socket.end(answer, 'latin1'));
      socket.once('close', closed.resolve);
    });
    await assert.rejects(reach({ host: 'gw.example', port: 443 }, through(port, CREDENTIAL), t.signal), (error: Error & { code: string; hint: string }) => {
      assert.equal(error.code, code);
      assert.match(error.message, message);
      assert.match(error.message, new RegExp(`http://127\\.0\\.0\\.1:${port} \\(HTTPS_PROXY\\)`));
      assert.match(error.hint, /HTTPS_PROXY|NO_PROXY/);
      assert.doesNotMatch(`${inspect(error, { depth: 9 })} ${JSON.stringify(error)}`, /alice|w@rd|w%40rd|YWxpY2/);
      return true;
    });
    await closed.promise;
  });
}

test('a proxy that demands a user and got none says so', async (t) => {
  const proxy = await startConnectProxy(t, { demands: SECRET });
  await assert.rejects(reach({ host: 'gw', port: 1 }, through(proxy.port), t.signal), { code: 'proxy.refused', message: /demands a user and password/ });
});

test('a proxy that resets, or is not there, or has no address', async (t) => {
  const port = await startTarget(t, (socket) => socket.resetAndDestroy());
  await assert.rejects(reach({ host: 'gw', port: 1 }, through(port), t.signal), { code: 'gateway.unreachable', message: /gw:1 through the proxy http/ });
  const refused = through(port, undefined, { connect: (_, signal) => base.net.connect({ address: '127.0.0.9', port }, signal) });
  await assert.rejects(reach({ host: 'gw', port: 1 }, refused, t.signal), {
    code: 'gateway.unreachable',
    message: /through the proxy .* refused the connection/,
  });
  const unknown = worldWith({ https_proxy: 'http://nobody.invalid:1' });
  await assert.rejects(reach({ host: 'gw', port: 1 }, unknown, t.signal), {
    code: 'gateway.unreachable',
    message: /nobody\.invalid.*\(https_proxy\).*resolve/,
  });
});

/** Listens, and never says a word. */
async function startMute(t: TestContext): Promise<{ port: number; heard: Promise<void>; closed: Promise<void> }> {
  const heard = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<void>();
  const port = await startTarget(t, (socket) => {
    socket
      .once('data', () => heard.resolve())
      .once('end', () => socket.end())
      .once('close', closed.resolve);
  });
  return { port, heard: heard.promise, closed: closed.promise };
}

test('a proxy that says nothing is given up, before its caller gives up the gateway', async (t) => {
  const clock = new ManualClock();
  const { port, heard, closed } = await startMute(t);
  const reaching = assert.rejects(reach({ host: 'gw', port: 1 }, { ...through(port), clock }, t.signal), {
    code: 'gateway.silent',
    message: /the proxy http:\/\/127.*within 8 s.*gateway gw:1/,
  });
  await heard;
  await clock.advance(8000);
  await reaching;
  await closed;
  assert.equal(clock.pending, 0);
});

test('an abort ends the wait for a proxy with its reason', async (t) => {
  const { port, heard, closed } = await startMute(t);
  const stop = new AbortController();
  const reaching = assert.rejects(reach({ host: 'gw', port: 1 }, through(port), stop.signal), /enough/);
  await heard;
  stop.abort(new Error('enough'));
  await reaching;
  await closed;
});

test('TLS through a proxy is held to the certificate, and a failure names the proxy', async (t) => {
  const ca = await makeTestCa();
  const server = createTlsServer({ cert: ca.server.certificatePem, key: ca.server.privateKeyPem, ALPNProtocols: ['x/1'] }, (socket) => {
    socket.on('error', () => {}).pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  const proxy = await startConnectProxy(t, { leadsTo: address.port });
  const world = through(proxy.port, CREDENTIAL);
  const place = { host: 'localhost', port: 8443, called: 'https://localhost:8443' };
  const tls = await dialTls(place, { ca: ca.caPem, alpn: 'x/1', minVersion: 'TLSv1.3' }, world, t.signal);
  assert.equal(tls.alpnProtocol, 'x/1');
  assert.equal(await ask(tls, 'over TLS'), 'over TLS');
  const stranger = await makeTestCa();
  await assert.rejects(dialTls(place, { ca: stranger.caPem }, world, t.signal), {
    code: 'certificate.refused',
    message: /https:\/\/localhost:8443 through the proxy http:\/\/127/,
    hint: /open TLS/,
  });
  await assert.rejects(dialTls({ ...place, host: 'other.example' }, { ca: ca.caPem }, world, t.signal), { code: 'certificate.refused' });
});
