// What the TLS listener does with people who begin a handshake and stop (security.md, N).
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { credentials } from '../../../../test/contract/quic-pair.ts';
import { listeningTls } from '../../../../test/contract/tls-pair.ts';
import { startTarget } from '../../../../test/support/tcp.ts';
import { LIMITS } from '../../base/limits.ts';
import type { SocketAddress } from '../../base/world.ts';
import { secureContext } from './context.ts';

test('500 handshakes that stop half way: an honest agent is in within a second, and all are forgotten within the time of a handshake', {
  skip: process.platform !== 'linux' && 'needs many loopback addresses',
}, async (t) => {
  const { ca, listener, at, dial } = await listeningTls(t);
  const hello = await clientHello(t, at, secureContext(await credentials(await ca.agent())));
  const cut: Promise<void>[] = [];
  for (let attempt = 0; attempt < 500; attempt += 1) {
    const socket = await stranger(t, at, `127.0.3.${1 + (attempt % 50)}`);
    // Some say nothing, some a part, some all and never answer the certificate request.
    if (attempt % 3 > 0) socket.write(attempt % 3 === 1 ? hello.subarray(0, 100) : hello);
    cut.push(closed(socket));
  }
  assert.ok(listener.halfOpen > LIMITS.halfOpenHandshakes / 2, `${listener.halfOpen} under way`);
  assert.ok(listener.halfOpen <= LIMITS.halfOpenHandshakes);
  const since = performance.now();
  assert.equal((await dial()).alpn, 'gw-agent-tunnel/2');
  const took = performance.now() - since;
  t.diagnostic(`${listener.halfOpen} under way; the honest one took ${Math.round(took)} ms`);
  assert.ok(took < 1000, `${took} ms`);
  await Promise.all(cut);
  while (listener.halfOpen > 0) await new Promise((resolve) => setImmediate(resolve));
  assert.ok(performance.now() - since < LIMITS.quicHandshakeMs + 2000);
});

for (const [what, bytes] of [
  ['no TLS', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
  ['a record of 65535 bytes', Buffer.concat([Buffer.of(22, 3, 1, 255, 255), Buffer.alloc(65_535)])],
  ['an alert', Buffer.from('15030100020128', 'hex')],
] as const) {
  test(`${what}: cut at once, and forgotten`, async (t) => {
    const { listener, at, dial } = await listeningTls(t, {});
    const socket = await stranger(t, at, '127.0.0.1');
    socket.write(bytes);
    await closed(socket);
    while (listener.halfOpen > 0) await new Promise((resolve) => setImmediate(resolve));
    await dial();
  });
}

/** Unlike `once`, does not mind an error before. */
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.on('error', () => {}).once('close', () => resolve()));
}

async function stranger(t: TestContext, to: SocketAddress, localAddress: string): Promise<Socket> {
  const socket = connect({ host: to.address, port: to.port, localAddress });
  t.after(() => socket.destroy());
  await once(socket, 'connect');
  return socket.resume();
}

/** The first bytes of a real handshake. */
async function clientHello(t: TestContext, at: SocketAddress, context: ReturnType<typeof secureContext>): Promise<Buffer> {
  const said = Promise.withResolvers<Buffer>();
  const port = await startTarget(t, (socket) => socket.once('data', (bytes) => said.resolve(bytes)));
  const client = connectTls({ ...context, host: at.address, port, servername: 'localhost', ALPNProtocols: ['gw-agent-tunnel/2'] });
  t.after(() => client.destroy());
  client.on('error', () => {});
  return await said.promise;
}
