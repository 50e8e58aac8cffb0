// Reading and writing frames on a duplex: nothing after the frame is lost, nothing is waited for without end.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type Duplex, duplexPair, PassThrough } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { test } from 'node:test';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { encodeFrame } from '../protocol/frame.ts';
import { adopt, readFrame, writeFrame } from './frames.ts';

const never = new AbortController().signal;
const clock = new ManualClock();

function pair(): [Duplex, Duplex] {
  const [a, b] = duplexPair();
  return [adopt(a), adopt(b)];
}

async function byData(stream: Duplex): Promise<string> {
  let all = '';
  stream.on('data', (chunk) => {
    all += chunk;
  });
  await once(stream, 'end');
  return all;
}

const readers: Record<string, (stream: Duplex) => Promise<string>> = {
  'by iteration': text,
  'by data events': byData,
  'by a pipe': (stream) => byData(stream.pipe(new PassThrough())),
};

for (const [how, read] of Object.entries(readers)) {
  for (const cut of [0, 3, 4, 7, 11, 12, 14]) {
    test(`raw bytes and the end after a frame are left, read ${how}, cut at ${cut}`, async () => {
      const [ours, theirs] = pair();
      const wire = Buffer.concat([encodeFrame(Buffer.from('request'), 100), Buffer.from('raw bytes')]);
      if (cut > 0) theirs.write(wire.subarray(0, cut));
      const frame = readFrame(ours, 100, clock, never);
      await new Promise((resolve) => setImmediate(resolve));
      theirs.end(wire.subarray(cut));
      assert.equal(Buffer.from((await frame) ?? []).toString(), 'request');
      assert.equal(clock.pending, 0, 'no timer is left');
      theirs.resume();
      assert.equal(await read(ours), 'raw bytes');
    });
  }
}

test('frames one after another, then the end', async () => {
  const [ours, theirs] = pair();
  theirs.end(Buffer.concat(['a', 'bb', ''].map((payload) => encodeFrame(Buffer.from(payload), 100))));
  const read = async () => Buffer.from((await readFrame(ours, 100, clock, never)) ?? assert.fail('ended')).toString();
  assert.deepEqual([await read(), await read(), await read()], ['a', 'bb', '']);
  assert.equal(await readFrame(ours, 100, clock, never), undefined);
  assert.equal(await readFrame(ours, 100, clock, never), undefined, 'also when asked again');
});

test('a frame that stays partial ends after 10 s, an idle stream does not', async () => {
  const clock = new ManualClock();
  const [ours, theirs] = pair();
  const frame = readFrame(ours, 100, clock, never);
  await clock.advance(60_000);
  theirs.write(Buffer.from('0000', 'hex'));
  await clock.timerSet();
  theirs.write(Buffer.from('0009', 'hex'));
  const failed = assert.rejects(frame, { code: 'protocol.violation', message: 'frame: not complete after 10000 ms' });
  await clock.advance(10_000);
  await failed;
  assert.equal(clock.pending, 0);
});

test('cut short, too long, destroyed, aborted', async () => {
  const [a, toA] = pair();
  toA.end(Buffer.from('00000005aa', 'hex'));
  await assert.rejects(readFrame(a, 100, clock, never), { code: 'protocol.violation', message: 'frame: cut short by the end of the stream' });
  const [b, toB] = pair();
  toB.write(Buffer.from('ffffffff', 'hex'));
  await assert.rejects(readFrame(b, 100, clock, never), { code: 'protocol.violation' });
  const [c] = pair();
  const frame = readFrame(c, 100, clock, never);
  c.destroy();
  await assert.rejects(frame, { code: 'link.lost' });
  await assert.rejects(readFrame(c, 100, clock, never), { code: 'link.lost' });
  const [d] = pair();
  const ending = new AbortController();
  const waiting = readFrame(d, 100, clock, ending.signal);
  ending.abort(new Error('given up'));
  await assert.rejects(waiting, /given up/);
  assert.equal(d.listenerCount('readable'), 0);
  await assert.rejects(writeFrame(c, Buffer.from('x'), 100, clock, never), { code: 'link.lost' });
});

test('an error of the stream reaches the reader, and nobody else', async () => {
  const [ours] = pair();
  const frame = readFrame(ours, 100, clock, never);
  ours.destroy(new Error('reset'));
  await assert.rejects(frame, /reset/);
});

test('an error while nobody reads waits for the next reader', async () => {
  const [ours] = pair();
  ours.destroy(new Error('reset'));
  await new Promise((resolve) => ours.once('close', resolve));
  await assert.rejects(readFrame(ours, 100, clock, never), /reset/);
});

test('writing waits for room, for 10 s', async () => {
  const clock = new ManualClock();
  const [ours, theirs] = pair();
  const large = Buffer.alloc(ours.writableHighWaterMark * 2);
  const sent = writeFrame(ours, large, large.length, clock, never);
  await clock.timerSet();
  const got = buffer(theirs);
  await sent;
  assert.equal(clock.pending, 0);
  ours.end();
  assert.equal((await got).length, large.length + 4);
  const [stuck] = pair();
  const unread = assert.rejects(writeFrame(stuck, large, large.length, clock, never), {
    code: 'protocol.violation',
    message: 'frame: not taken within 10000 ms',
  });
  await clock.timerSet();
  await clock.advance(10_000);
  await unread;
});
