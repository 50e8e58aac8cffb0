// What a splice keeps: bytes, half-close in each direction, backpressure, and the difference between an end and a cut.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Duplex } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import type { TcpSocket } from '../base/world.ts';
import { realWorld } from '../system/real-world.ts';
import { reset } from './reset.ts';
import { splice } from './splice.ts';

const { net } = realWorld({ level: 'silent' });

/** Both ends of one TCP connection over loopback. */
async function tcpPair(t: TestContext): Promise<[TcpSocket, TcpSocket]> {
  const { promise, resolve } = Promise.withResolvers<TcpSocket>();
  const listener = await net.listen({ address: '127.0.0.1', port: 0 }, resolve);
  assert.ok('port' in listener.at);
  const near = await net.connect(listener.at, t.signal);
  const far = await promise;
  await listener.close();
  t.after(() => {
    near.destroy();
    far.destroy();
  });
  return [near, far];
}

/** client - a | splice | b - target. */
async function spliced(t: TestContext) {
  const [[client, a], [b, target]] = await Promise.all([tcpPair(t), tcpPair(t)]);
  const carried = { aToB: 0, bToA: 0 };
  const done = splice(a, b, carried);
  done.catch(() => {}); // each test looks for itself
  return { client, target, a, b, done, carried };
}

test('half-close: the answer still arrives after the question has ended, and both are counted', async (t) => {
  const { client, target, done } = await spliced(t);
  client.end('question');
  assert.equal(await text(target), 'question');
  target.end('an answer');
  assert.equal(await text(client), 'an answer');
  assert.deepEqual(await done, { aToB: 8, bToA: 9 });
});

test('half-close the other way round: the target ends first', async (t) => {
  const { client, target, done } = await spliced(t);
  target.end('banner');
  assert.equal(await text(client), 'banner');
  client.end('late');
  assert.equal(await text(target), 'late');
  assert.deepEqual(await done, { aToB: 4, bToA: 6 });
});

test('a reset by one side is a reset at the other', async (t) => {
  const { client, target, done } = await spliced(t);
  target.write('partial');
  await once(client, 'data');
  const [[error]] = await Promise.all([once(client, 'error'), assert.rejects(done), target.resetAndDestroy()]);
  assert.equal(error.code, 'ECONNRESET');
});

test('a reset after one direction has ended is still a reset', async (t) => {
  const { client, target, done } = await spliced(t);
  client.end('all I have');
  assert.equal(await text(target), 'all I have');
  target.write('part of the ans');
  await once(client, 'data');
  const [[error]] = await Promise.all([once(client, 'error'), assert.rejects(done), target.resetAndDestroy()]);
  assert.equal(error.code, 'ECONNRESET');
});

test('a side closed without an end is a cut, and a reset at the other', async (t) => {
  const { target, a, done } = await spliced(t);
  const failed = once(target, 'error');
  a.destroy();
  await assert.rejects(done, { name: 'CutShort' });
  const [error] = await failed;
  assert.equal(error.code, 'ECONNRESET');
});

test('a side that is gone already, or has ended already, is treated as such', async (t) => {
  const [near, far] = await tcpPair(t);
  const gone = new Duplex({ read() {}, write: (_c, _e, done) => done() });
  gone.destroy();
  await assert.rejects(splice(near, gone), { name: 'CutShort' });
  const [error] = await once(far.resume(), 'error');
  assert.equal(error.code, 'ECONNRESET');

  const [client, a] = await tcpPair(t);
  const ended = new Duplex({ read() {}, write: (_c, _e, done) => done() });
  ended.push(null);
  await once(ended.resume(), 'end');
  const done = splice(a, ended);
  assert.equal(await text(client), '');
  client.end('x');
  assert.deepEqual(await done, { aToB: 1, bToA: 0 });
});

test('a stopped reader stops the writer, and everything follows when it reads on', async (t) => {
  const { client, target, carried, done } = await spliced(t);
  const payload = Buffer.alloc(256 * 1024, 7);
  let offered = 0;
  const total = 256;
  const offer = () => {
    while (offered < total) {
      offered += 1;
      if (!target.write(payload)) return;
    }
    target.off('drain', offer).end();
  };
  client.pause();
  target.on('drain', offer);
  offer();
  let seen = -1;
  while (seen !== carried.bToA) {
    seen = carried.bToA;
    for (let turn = 0; turn < 200; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  }
  assert.ok(offered < total, 'the writer was not stopped');
  client.end();
  assert.equal((await buffer(client)).length, total * payload.length);
  assert.equal((await done).bToA, total * payload.length);
});

test('a sink with no drain left does not lose the last bytes', async (t) => {
  const { client, target, done } = await spliced(t);
  client.end(Buffer.alloc(5_000_000, 1));
  assert.equal((await buffer(target)).length, 5_000_000);
  target.end();
  await text(client);
  assert.deepEqual(await done, { aToB: 5_000_000, bToA: 0 });
});

test('a source may close after its end, while its last bytes are still on their way', async (t) => {
  const [client, a] = await tcpPair(t);
  const { promise: written, resolve: finish } = Promise.withResolvers<void>();
  const slow = new Duplex({ read() {}, write: (_c, _e, done) => done(), final: (done) => void written.then(() => done()) });
  const done = splice(a, slow);
  slow.push(null);
  assert.equal(await text(client), '');
  client.end('all');
  await once(a, 'close');
  finish();
  assert.deepEqual(await done, { aToB: 3, bToA: 0 });
});

test('a socket whose end is under way is reset once that is through, and its handle goes', async (t) => {
  const [near, far] = await tcpPair(t);
  const ending = Promise.withResolvers<unknown>();
  far.once('error', ending.resolve).once('end', () => ending.resolve('end'));
  far.resume();
  near.end('last words');
  reset(near, new Error('cut'));
  await once(near, 'close');
  await ending.promise;
});
