// What the listener does with datagrams of people without credentials (security.md, N).
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { credentials, type Listening, listening, world } from '../../../../test/contract/quic-pair.ts';
import { ManualClock } from '../../../../test/support/manual-clock.ts';
import { udpProxy } from '../../../../test/support/udp-proxy.ts';
import { LIMITS } from '../../base/limits.ts';
import type { SocketAddress } from '../../base/world.ts';
import type { Link, LinkCredentials } from '../link.ts';
import { makeConfig } from './config.ts';
import { PATH } from './loop.ts';
import { loadQuiche } from './native.ts';
import { readHeader } from './packet.ts';

const PROBE = Buffer.concat([Buffer.from('c01a2a3a4a08deadbeefcafebabe00', 'hex'), Buffer.alloc(1185)]);
const id = Buffer.from('0102030405060708', 'hex');
const long = (first: number, version: number, rest: Uint8Array, length = 1200) => {
  const head = Buffer.concat([
    Buffer.of(first, version >>> 24, (version >>> 16) & 255, (version >>> 8) & 255, version & 255, id.length),
    id,
    Buffer.of(id.length),
    id,
    rest,
  ]);
  return Buffer.concat([head, randomBytes(Math.max(0, length - head.length))]);
};

const HOSTILE: Record<string, () => Buffer> = {
  'an empty datagram': () => Buffer.alloc(0),
  'one byte': () => randomBytes(1),
  'a short header without an id': () => Buffer.of(0x40, 1, 2),
  'a short header with an unknown id': () => Buffer.concat([Buffer.of(0x41), randomBytes(60)]),
  '0-RTT with an unknown id': () => long(0xd0, 1, Buffer.of(0x44, 0)),
  'a Handshake packet with an unknown id': () => long(0xe0, 1, Buffer.of(0x44, 0)),
  'a Retry': () => long(0xf0, 1, randomBytes(40)),
  'a Version Negotiation': () => long(0xc0, 0, Buffer.of(0, 0, 0, 1)),
  'an Initial cut short': () => long(0xc0, 1, Buffer.of(0)).subarray(0, 30),
  'an Initial with a token past its end': () => long(0xc0, 1, Buffer.of(0x7f, 0xff)),
  'an Initial with a junk token': () => long(0xc0, 1, Buffer.concat([Buffer.of(50), randomBytes(50)])),
  'an Initial with an empty token and junk': () => long(0xc0, 1, Buffer.of(0)),
  'an unknown version': () => long(0xc0, 0xdeadbeef, Buffer.alloc(0)),
  'an unknown version in few bytes': () => long(0xc0, 0xdeadbeef, Buffer.alloc(0), 60),
  'ids of 255 bytes': () => Buffer.concat([Buffer.of(0xc0, 0, 0, 0, 1, 255), randomBytes(255), Buffer.of(255), randomBytes(1100)]),
  noise: () => randomBytes(1 + Math.floor(Math.random() * 1400)),
};

async function stranger(t: TestContext, address = '127.0.0.1'): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.bind(0, address);
  await once(socket, 'listening');
  t.after(() => socket.close());
  return socket;
}

async function stillWorks(t: TestContext, gateway: Link, agent: Link): Promise<void> {
  const stream = await gateway.openStream(t.signal);
  stream.end('ping');
  assert.equal(await text(await agent.acceptStream(t.signal)), 'ping');
}

for (const [what, make] of Object.entries(HOSTILE)) {
  test(`${what}: the listener lives, and so do its links`, async (t) => {
    const { listener, dial, nextLink } = await listening(t);
    const [agent, gateway] = [await dial(), await nextLink()];
    const socket = await stranger(t);
    for (let sent = 0; sent < 100; sent += 1) socket.send(make(), listener.at.port, listener.at.address);
    await stillWorks(t, gateway, agent);
    await dial();
  });
}

/** What came back for `datagram` by the time a probe that was sent after it is answered. */
async function answersTo(t: TestContext, { listener }: Listening, datagram: Uint8Array): Promise<Buffer[]> {
  const socket = await stranger(t);
  const answers: Buffer[] = [];
  socket.send(datagram, listener.at.port, listener.at.address);
  socket.send(PROBE, listener.at.port, listener.at.address);
  for (;;) {
    const [answer] = await once(socket, 'message');
    if (answer.includes('deadbeefcafebabe', 0, 'hex')) return answers;
    answers.push(answer);
  }
}

test('the probe of the reference is answered by a Version Negotiation that is smaller than it', async (t) => {
  const { listener } = await listening(t);
  const socket = await stranger(t);
  socket.send(PROBE, listener.at.port, listener.at.address);
  const [answer] = await once(socket, 'message');
  assert.ok(answer.length < PROBE.length);
  assert.equal(readHeader(answer)?.form, 'long');
});

test('an Initial of 1200 bytes is answered by a Retry that is smaller than it, one of 1199 by nothing', async (t) => {
  const there = await listening(t);
  const whole = HOSTILE['an Initial with an empty token and junk']?.() ?? Buffer.alloc(0);
  const [retry, ...more] = await answersTo(t, there, whole);
  assert.ok(retry && retry.length <= whole.length);
  assert.equal((retry[0] ?? 0) & 0xf0, 0xf0);
  assert.deepEqual(more, []);
  assert.deepEqual(await answersTo(t, there, whole.subarray(0, 1199)), []);
});

test('a short header with an unknown id is answered by less than it was, one of 21 bytes by nothing', async (t) => {
  const there = await listening(t);
  const [reset] = await answersTo(t, there, Buffer.concat([Buffer.of(0x41), randomBytes(49)]));
  assert.equal(reset?.length, 49);
  assert.deepEqual(await answersTo(t, there, Buffer.concat([Buffer.of(0x41), randomBytes(20)])), []);
});

test('handshakes that stop half way take no more than their share, and are freed in time', {
  skip: process.platform !== 'linux' && 'needs a second loopback address',
}, async (t) => {
  const clock = new ManualClock();
  const { ca, listener, dial } = await listening(t, { at: { address: '0.0.0.0', port: 0 } }, { ...world, clock });
  const to = { address: '127.0.0.1', port: listener.at.port };
  const agent = await credentials(await ca.agent());
  for (let attempt = 0; attempt < LIMITS.halfOpenPerSource; attempt += 1) await helloOnly(t, to, agent);
  assert.equal(listener.dropped['half-open'], 0);
  await helloOnly(t, to, agent);
  assert.equal(listener.dropped['half-open'], 1);
  const elsewhere = await udpProxy(t, to, '127.0.0.2');
  assert.equal((await dial({ to: elsewhere.at })).alpn, 'gw-agent-tunnel/2');
  await clock.advance(LIMITS.quicHandshakeMs);
  assert.equal((await dial({ to })).alpn, 'gw-agent-tunnel/2');
});

test('500 handshakes that stop half way: an honest agent is in within a second, and all are forgotten within ten', {
  skip: process.platform !== 'linux' && 'needs many loopback addresses',
}, async (t) => {
  const { ca, listener, dial } = await listening(t, { at: { address: '0.0.0.0', port: 0 } });
  const to = { address: '127.0.0.1', port: listener.at.port };
  const agent = await credentials(await ca.agent());
  for (let attempt = 0; attempt < 500; attempt += 20)
    await Promise.all(Array.from({ length: 20 }, (_, one) => sayHello(t, to, agent, `127.0.2.${1 + ((attempt + one) % 50)}`)));
  assert.ok(listener.halfOpen > LIMITS.halfOpenHandshakes / 2);
  const since = performance.now();
  assert.equal((await dial({ to })).alpn, 'gw-agent-tunnel/2');
  t.diagnostic(`${listener.halfOpen} under way; the honest one took ${Math.round(performance.now() - since)} ms`);
  assert.ok(performance.now() - since < 1000);
  const empty = Promise.withResolvers<void>();
  const asking = setInterval(() => listener.halfOpen === 0 && empty.resolve(), 50);
  t.after(() => clearInterval(asking));
  await empty.promise;
  assert.ok(performance.now() - since < 10_000);
});

/** Begins a handshake and says no more; the listener has taken it in, or dropped it. */
async function helloOnly(t: TestContext, to: SocketAddress, agent: LinkCredentials): Promise<void> {
  const socket = await sayHello(t, to, agent);
  socket.send(PROBE, to.port, to.address);
  for (let probed = false; !probed; ) {
    const [answer] = await once(socket, 'message');
    probed = answer.includes('deadbeefcafebabe', 0, 'hex');
  }
}

/** Shows by a Retry that the address is real, and sends the first packet of a handshake. */
async function sayHello(t: TestContext, to: SocketAddress, agent: LinkCredentials, address?: string): Promise<Socket> {
  const quiche = await loadQuiche();
  const socket = await stranger(t, address);
  const config = makeConfig(quiche, { credentials: agent, incomingStreams: 1, packetBytes: 1200 });
  const native = quiche.Connection.connect(null, randomBytes(20), PATH.here, PATH.there, config);
  const packet = Buffer.alloc(1200);
  const say = () => {
    const sent = native.send(packet);
    if (sent) socket.send(packet.subarray(0, sent[0]), to.port, to.address);
  };
  say();
  const [retry] = await once(socket, 'message');
  native.recv(retry, { from: PATH.there, to: PATH.here });
  say();
  return socket;
}
