// A link and a peer that keeps no rule: what each violation costs, and what is no violation. The peer is written by hand on a real socket.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { buffer, text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { settledHeap } from '../../../../test/support/heap.ts';
import { ManualClock } from '../../../../test/support/manual-clock.ts';
import { dial, startTarget } from '../../../../test/support/tcp.ts';
import { LIMITS } from '../../base/limits.ts';
import type { Clock } from '../../base/world.ts';
import { realWorld } from '../../system/real-world.ts';
import { type LinkStream, StreamReset } from '../link.ts';
import { closeFrame, endFrame, FRAME, FrameReader, header, pingFrame, readClose, resetFrame, settingsFrame, windowFrame } from './frame.ts';
import { MuxLink, type MuxLinkParts } from './link.ts';

const STREAMS = 4;
const FIRST_WINDOW = 64 * 1024;
const GREETING = settingsFrame({ version: 1, window: 1024 * 1024, streams: 4096 });
const LIVENESS = { keepAliveMs: LIMITS.keepAliveMs, deadLinkMs: LIMITS.deadLinkV2Ms };

interface RawPeer {
  readonly link: MuxLink;
  readonly socket: Socket;
  say(...frames: readonly Uint8Array[]): void;
  /** Resolves with the payload of the next frame of this type. */
  next(type: number): Promise<Buffer>;
  /** How many frames of this type came so far. */
  count(type: number): number;
}

/** The link is the listener: the peer's streams are 1, 3, 5. */
async function rawPeer(t: TestContext, more: Partial<MuxLinkParts> = {}, clock: Clock = realWorld().clock): Promise<RawPeer> {
  const linked = Promise.withResolvers<MuxLink>();
  const port = await startTarget(t, (socket) => {
    const parts = { socket, role: 'listener', transport: 'tls', alpn: 'test', remote: { address: '', port: 0 }, liveness: LIVENESS } as const;
    linked.resolve(new MuxLink({ ...parts, peerCertificate: new Uint8Array(0), incomingStreams: STREAMS, ...more }, clock));
  });
  const socket = await dial(t, port);
  const link = await linked.promise;
  t.after(() => link.close());
  const waiting = new Map<number, (payload: Buffer) => void>();
  const counts = new Map<number, number>();
  const reader = new FrameReader({
    data: (_id, bytes) => took(FRAME.data, bytes),
    frame: (type, _id, payload) => took(type, payload),
  });
  const took = (type: number, payload: Buffer) => {
    counts.set(type, (counts.get(type) ?? 0) + 1);
    waiting.get(type)?.(Buffer.from(payload));
  };
  socket.on('data', (chunk) => reader.feed(chunk)).on('error', () => {});
  return {
    link,
    socket,
    say: (...frames) => void socket.write(Buffer.concat(frames)),
    next: (type) => new Promise((resolve) => waiting.set(type, resolve)),
    count: (type) => counts.get(type) ?? 0,
  };
}

function data(id: number, bytes: number | string): Buffer {
  const payload = typeof bytes === 'string' ? Buffer.from(bytes) : Buffer.alloc(bytes);
  return Buffer.concat([header(FRAME.data, id, payload.length), payload]);
}

/** The link still does what it is for. `id` is one that the peer has not used. */
async function stillWorks(t: TestContext, { link, say, next }: RawPeer, id: number): Promise<void> {
  const heard = next(FRAME.data);
  say(data(id, 'question'), endFrame(id));
  for (;;) {
    const stream = await link.acceptStream(t.signal);
    if (stream.streamId !== id) continue;
    assert.equal(await text(stream), 'question');
    stream.end('answer');
    assert.equal(String(await heard), 'answer');
    return;
  }
}

const VIOLATIONS: readonly (readonly [what: string, frames: readonly Uint8Array[], reason: RegExp])[] = [
  ['data before the settings', [data(1, 'x')], /not the settings/],
  ['a ping before the settings', [pingFrame(FRAME.ping)], /not the settings/],
  ['an unknown frame before the settings', [header(99, 0, 0)], /not the settings/],
  ['settings twice', [GREETING, GREETING], /settings twice/],
  ['settings of version 0', [settingsFrame({ version: 0, window: 1, streams: 1 })], /version 0/],
  ['settings with a window of 2^31', [settingsFrame({ version: 1, window: 2 ** 31, streams: 1 })], /a window of 2147483648/],
  ['a length above its limit', [GREETING, header(FRAME.data, 1, 65_537)], /65537 bytes/],
  ['more bytes than the window', [GREETING, data(1, FIRST_WINDOW - 1), data(1, 2)], /window/],
  ['bytes after the end', [GREETING, data(1, 'x'), endFrame(1), data(1, 'y')], /bytes after the end/],
  ['an end after the end', [GREETING, endFrame(1), endFrame(1)], /a second end/],
  ['bytes on a stream of ours that there never was', [GREETING, data(2, 'x')], /stream 2 was never opened/],
  ['a reset of a stream of ours that there never was', [GREETING, resetFrame(2 ** 32 - 2, 0)], /never opened/],
  ['a window for a stream of theirs that there never was', [GREETING, windowFrame(9, 1)], /stream 9 was never opened/],
  ['a window of nothing', [GREETING, data(1, 'x'), windowFrame(1, 0)], /0 of them new/],
  ['windows above 2^31 in sum', [GREETING, data(1, 'x'), windowFrame(1, 2 ** 30), windowFrame(1, 2 ** 30)], /a window of/],
  ['one window of 2^32 - 1', [GREETING, data(1, 'x'), windowFrame(1, 2 ** 32 - 1)], /a window of/],
  ['more streams than allowed', [GREETING, ...[1, 3, 5, 7, 9].map((id) => data(id, 'x'))], /more streams than allowed/],
  [
    'streams opened and reset before anyone takes them',
    [GREETING, ...Array.from({ length: STREAMS + 1 }, (_, index) => Buffer.concat([data(2 * index + 1, 'x'), resetFrame(2 * index + 1, 0)]))],
    /more streams than allowed/,
  ],
];

for (const [what, frames, reason] of VIOLATIONS) {
  test(`${what}: that link ends, the peer is told why, another goes on`, async (t) => {
    const [hostile, honest] = [await rawPeer(t), await rawPeer(t)];
    honest.say(GREETING);
    const told = hostile.next(FRAME.close);
    hostile.say(...frames);
    const end = await hostile.link.closed;
    assert.equal(end.by, 'fault');
    assert.match(end.reason, reason);
    assert.deepEqual(readClose(await told), { code: 1, reason: end.reason });
    await assert.rejects(hostile.link.acceptStream(t.signal), { code: 'link.lost' });
    await stillWorks(t, honest, 1);
  });
}

test('what is late, strange or of a later version is passed over', async (t) => {
  const peer = await rawPeer(t);
  const late = [data(1, 70_000 - FIRST_WINDOW), endFrame(1), resetFrame(1, 5), windowFrame(1, 1), windowFrame(1, 2 ** 32 - 1)];
  peer.say(GREETING, data(1, 'x'), resetFrame(1, 7), ...late, ...late);
  peer.say(header(8, 0, 0), Buffer.concat([header(255, 77, 1024), Buffer.alloc(1024)]), pingFrame(FRAME.pong));
  peer.say(data(101, 'x'), resetFrame(101, 0), data(55, 'an id that goes back'), endFrame(55));
  await stillWorks(t, peer, 103);
  assert.equal(peer.link.streams, 0);
});

test('frames for streams of ours that are over are passed over', async (t) => {
  const peer = await rawPeer(t);
  peer.say(GREETING);
  const ours = await peer.link.openStream(t.signal);
  ours.on('error', () => {}).destroy(new StreamReset(3));
  peer.say(data(ours.streamId, 'x'), endFrame(ours.streamId), endFrame(ours.streamId), resetFrame(ours.streamId, 0), windowFrame(ours.streamId, 0));
  await stillWorks(t, peer, 1);
});

test('a close with a reason that is no UTF-8 is a close', async (t) => {
  const peer = await rawPeer(t);
  peer.say(GREETING, header(FRAME.close, 0, 6), Buffer.from('00000009fffe', 'hex'));
  assert.deepEqual(await peer.link.closed, { by: 'peer', code: 9, reason: '\ufffd\ufffd' });
});

test('a close before the settings is a refusal', async (t) => {
  const peer = await rawPeer(t);
  peer.say(closeFrame(2, 'not you'));
  await assert.rejects(peer.link.ready, { code: 'link.lost', message: 'the link has ended: not you' });
  assert.deepEqual(await peer.link.closed, { by: 'peer', code: 2, reason: 'not you' });
});

for (const [what, leave] of [
  ['ends its connection', (socket: Socket) => socket.end()],
  ['resets its connection', (socket: Socket) => socket.resetAndDestroy()],
] as const) {
  test(`a peer that ${what} without a word is lost`, async (t) => {
    const peer = await rawPeer(t);
    peer.say(GREETING, data(1, 'x'));
    const stream = await peer.link.acceptStream(t.signal);
    const cut = once(stream, 'error');
    leave(peer.socket);
    assert.equal((await peer.link.closed).by, 'silence');
    assert.equal((await cut)[0].code, 'link.lost');
    await assert.rejects(
      peer.link.ready.then(() => peer.link.openStream(t.signal)),
      { code: 'link.lost' },
    );
  });
}

test('a peer that does not greet is ended after 5 s, and leaves no timer', async (t) => {
  const clock = new ManualClock();
  const { link } = await rawPeer(t, {}, clock);
  await clock.advance(LIMITS.quicHandshakeMs);
  const { by, reason } = await link.closed;
  assert.equal(by, 'fault');
  assert.match(reason, /no settings within 5000 ms/);
  await assert.rejects(link.ready, { code: 'link.lost' });
  await clock.advance(1000); // what it has to say may take so long
  assert.equal(clock.pending, 0);
});

test('a peer that is silent is asked, and is lost after 10 s', async (t) => {
  const clock = new ManualClock();
  const peer = await rawPeer(t, {}, clock);
  peer.say(GREETING);
  await peer.link.ready;
  const asked = peer.next(FRAME.ping);
  await clock.advance(LIMITS.keepAliveMs);
  await asked;
  peer.say(pingFrame(FRAME.pong));
  await heardNow(peer.link, clock);
  await clock.advance(LIMITS.deadLinkV2Ms - 1);
  assert.equal(peer.link.lastReceived(), LIMITS.keepAliveMs);
  await clock.advance(1);
  assert.deepEqual(await peer.link.closed, { by: 'silence', code: undefined, reason: 'nothing was received' });
  assert.equal(clock.pending, 0);
});

test('a byte a second in the middle of a frame holds no link, in the middle of data it does', async (t) => {
  const [clock, patient] = [new ManualClock(), new ManualClock()];
  const [slow, steady] = [await rawPeer(t, {}, clock), await rawPeer(t, {}, patient)];
  slow.say(GREETING, header(FRAME.close, 0, 1024));
  steady.say(GREETING, header(FRAME.data, 1, 1024));
  await Promise.all([slow.link.ready, steady.link.ready]);
  let ended = false;
  void slow.link.closed.then(() => (ended = true));
  for (let second = 0; second < 20; second += 1) {
    for (const [peer, time] of [
      [slow, clock],
      [steady, patient],
    ] as const) {
      await time.advance(1000);
      peer.say(Buffer.of(0));
      if (peer === steady || !ended) await heardNow(peer.link, time, () => ended && peer === slow);
    }
  }
  assert.match((await slow.link.closed).reason, /not complete after 10000 ms/);
  const stream = await steady.link.acceptStream(t.signal);
  steady.say(Buffer.alloc(1024 - 20), endFrame(1));
  assert.equal((await buffer(stream)).length, 1024);
});

test('a flood of pings is not answered in kind', async (t) => {
  const peer = await rawPeer(t);
  peer.say(GREETING);
  for (let flood = 0; flood < 20; flood += 1) peer.say(Buffer.concat(Array.from({ length: 10_000 }, () => pingFrame(FRAME.ping))));
  await stillWorks(t, peer, 1);
  assert.ok(peer.count(FRAME.pong) >= 1);
  assert.ok(peer.count(FRAME.pong) <= 50, `${peer.count(FRAME.pong)} answers to 200,000 pings`);
});

test('a peer that announces no window and no streams stops itself and nobody else', async (t) => {
  const peer = await rawPeer(t);
  peer.say(settingsFrame({ version: 1, window: 0, streams: 0 }), data(1, 'x'));
  const stream = await peer.link.acceptStream(t.signal);
  stream.write('y');
  const giveUp = new AbortController();
  const opening = assert.rejects(peer.link.openStream(giveUp.signal), /enough/);
  giveUp.abort(new Error('enough'));
  await opening;
  assert.equal(peer.count(FRAME.data), 0);
  const heard = peer.next(FRAME.data);
  peer.say(windowFrame(1, 1));
  assert.equal(String(await heard), 'y');
});

test('a peer that announces 2^32 - 1 streams gets no more than our limit', async (t) => {
  const peer = await rawPeer(t);
  peer.say(settingsFrame({ version: 1, window: 1, streams: 2 ** 32 - 1 }));
  const opened = await Promise.all(Array.from({ length: LIMITS.streamsPerAgentV2 }, () => peer.link.openStream(t.signal)));
  const late = peer.link.openStream(t.signal);
  assert.equal(peer.link.streams, LIMITS.streamsPerAgentV2);
  opened[0]?.destroy();
  await late;
  assert.equal(peer.link.streams, LIMITS.streamsPerAgentV2);
});

test('a peer that never reads holds a bounded queue, and loses the link when it makes us say more and more', async (t) => {
  const peer = await rawPeer(t);
  peer.say(settingsFrame({ version: 1, window: 2 ** 31 - 1, streams: 4096 }));
  await peer.link.ready;
  peer.socket.pause();
  const before = settledHeap();
  const streams = await Promise.all(Array.from({ length: 100 }, () => peer.link.openStream(t.signal)));
  for (const stream of streams) while (stream.write(Buffer.alloc(16 * 1024)));
  let over = false;
  void peer.link.closed.then(() => (over = true));
  let resets = 0;
  let most = before;
  for (; !over; resets += 1) {
    const stream = await peer.link.openStream(t.signal).catch(() => undefined);
    stream?.on('error', () => {}).destroy();
    if (resets % 10_000 === 0) most = Math.max(most, settledHeap());
    if (resets % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  t.diagnostic(`lost after ${resets} resets, ${Math.round((most - before) / 1e6)} MB at the most`);
  assert.ok(resets < 300_000);
  assert.ok(most - before < 64e6);
  assert.deepEqual(await peer.link.closed, { by: 'silence', code: undefined, reason: 'the peer does not read' });
  assert.equal(peer.link.streams, 0);
});

test('a window full of single bytes costs little more than the window', async (t) => {
  const streams = 16;
  const peer = await rawPeer(t, { incomingStreams: streams });
  const tiny = Buffer.concat(Array.from({ length: 8192 }, () => data(0x01010101, 'x')));
  peer.say(GREETING);
  const before = settledHeap();
  const held: LinkStream[] = [];
  for (let index = 0; index < streams; index += 1) {
    const id = 2 * index + 1;
    for (let at = 0; at < tiny.length; at += 9) tiny.writeUInt32BE(id, at);
    for (let sent = 0; sent < FIRST_WINDOW; sent += 8192) {
      if (!peer.socket.write(Buffer.from(tiny))) await once(peer.socket, 'drain');
    }
    held.push(await peer.link.acceptStream(t.signal));
  }
  const answer = peer.next(FRAME.pong);
  peer.say(pingFrame(FRAME.ping)); // answered when all of it has been taken in
  await answer;
  const grown = settledHeap() - before;
  t.diagnostic(`${streams * FIRST_WINDOW} single bytes hold ${Math.round(grown / 1e6)} MB`);
  assert.ok(grown < 8e6, `${grown} bytes for ${streams * FIRST_WINDOW}`);
  assert.equal(peer.link.streams, streams);
  assert.equal(held.length, streams);
});

test('bytes that a reader puts back do not stop what comes after them', async (t) => {
  const peer = await rawPeer(t);
  peer.say(GREETING, data(1, 40_000));
  const stream = await peer.link.acceptStream(t.signal);
  const looked: Buffer[] = [];
  for (let bytes = 0; bytes < 40_000; ) {
    const piece: Buffer | null = stream.read();
    if (piece === null) await once(stream, 'readable');
    else {
      looked.push(piece);
      bytes += piece.length;
    }
  }
  stream.unshift(Buffer.concat(looked));
  const answer = peer.next(FRAME.pong);
  peer.say(data(1, 10_000), pingFrame(FRAME.ping));
  await answer;
  peer.say(endFrame(1));
  assert.equal((await buffer(stream)).length, 50_000);
});

/** Resolves when the link has heard something at this time of the clock, or `orWhen` holds. */
async function heardNow(link: MuxLink, clock: Clock, orWhen: () => boolean = () => false): Promise<void> {
  while (link.lastReceived() !== clock.monotonic() && !orWhen()) await new Promise((resolve) => setImmediate(resolve));
}

test('streams speak in another order than they were opened, one of them after the connection was congested: each is heard', async (t) => {
  const { link, socket } = await rawPeer(t);
  socket.pause();
  socket.write(GREETING);
  await link.ready;
  const [busy, first, second] = [await link.openStream(t.signal), await link.openStream(t.signal), await link.openStream(t.signal)];
  busy.write(Buffer.alloc(1024 * 1024));
  second.write('second');
  first.write('first');
  const heard = new Map<number, string>();
  const everything = Promise.withResolvers<void>();
  const reader = new FrameReader({
    data: (id, bytes) => {
      if (id === 2) return; // the busy one
      assert.ok(
        [...heard.keys()].every((earlier) => earlier < id),
        `${id} after ${[...heard.keys()].join()}`,
      );
      heard.set(id, String(bytes));
      if (heard.size === 2) everything.resolve();
    },
    frame: () => {},
  });
  socket
    .removeAllListeners('data')
    .on('data', (chunk) => reader.feed(chunk))
    .resume();
  await everything.promise;
  assert.deepEqual([...heard.values()].sort(), ['first', 'second']);
});
