// What every stream between two ends must do, as one suite: streams of a link (link-contract.ts), and channels across an edge (edge-process.test.ts).
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { duplexPair, Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { type TestContext, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { LIMITS } from '../../src/lib/base/limits.ts';
import { splice } from '../../src/lib/streams/splice.ts';
import { type LinkStream, StreamReset } from '../../src/lib/transport/link.ts';

export type Side = 'agent' | 'gateway';

export interface Streams {
  /** A new stream as both ends see it, that of `side` first. Opened by `side` where either may. */
  open(side: Side): Promise<[LinkStream, LinkStream]>;
  /** Resolves when none is left. */
  none(): Promise<void>;
  /** What a reader that never reads may cost. */
  readonly stoppedReaderBytes: number;
}

export type MakeStreams = (t: TestContext) => Promise<Streams>;

const SIDES = ['gateway', 'agent'] as const;
const MIB = 1024 * 1024;
const QUESTIONS = 1500;
const QUESTION_BYTES = 12 * 1024;

export function streamContract(name: string, makeStreams: MakeStreams): void {
  const it = (what: string, check: (t: TestContext, streams: Streams) => Promise<void>) =>
    test(`${name}: ${what}`, { timeout: 60_000 }, async (t) => check(t, await makeStreams(t)));

  it('half-close, the answer still arrives after the question has ended', async (_t, streams) => {
    for (const side of SIDES) {
      const [asked, answering] = await streams.open(side);
      asked.end('question');
      assert.equal(await text(answering), 'question');
      answering.end('answer');
      assert.equal(await text(asked), 'answer');
    }
    await streams.none();
  });

  it('an end that follows its bytes a turn later arrives, whatever was acknowledged between', async (_t, streams) => {
    for (let turns = 0; turns < 60; turns += 1) {
      const [asked, answering] = await streams.open('gateway');
      asked.end('question');
      await text(answering);
      answering.write('answer');
      for (let turn = 0; turn < turns % 6; turn += 1) await nextTurn();
      answering.end();
      assert.equal(await text(asked), 'answer');
    }
  });

  it('spliced at both ends, question, answer and end arrive as an end, the answer long after the question', async (_t, streams) => {
    for (let round = 0; round < 100; round += 1) {
      const [asked, answering] = await streams.open('gateway');
      const [[near, operator], [far, target]] = [duplexPair(), duplexPair()];
      const spliced = Promise.all([splice(near, asked), splice(answering, far)]);
      operator.end('question');
      assert.equal(await text(target), 'question');
      for (let turn = 0; turn < round % 4; turn += 1) await nextTurn();
      const answer = Buffer.alloc(round % 2 === 0 ? 6 : 200_000, 'answer');
      target.write(answer);
      if (round % 3 === 0) await nextTurn();
      target.end();
      for (let turn = 0; turn < round % 5; turn += 1) await nextTurn(); // a slow reader
      assert.ok((await buffer(operator)).equals(answer));
      for (const { aToB, bToA } of await spliced) assert.equal(aToB + bToA, 'question'.length + answer.length);
    }
    await streams.none();
  });

  for (const side of SIDES) {
    it(`a stopped reader costs the ${side} a bounded window, and what it held arrives when it goes on`, async (t, streams) => {
      const [writer, reader] = await streams.open(side);
      const { taken, sent } = await fill(writer);
      t.diagnostic(`a reader that never read cost ${taken} bytes`);
      assert.ok(taken < streams.stoppedReaderBytes, `${taken} bytes were taken`);
      const got = buffer(reader);
      writer.end();
      assert.deepEqual(sha256(await got), sent.digest('hex'));
    });
  }

  it('a stopped reader stops no other stream', async (_t, streams) => {
    const stuck = await Promise.all(Array.from({ length: 20 }, () => streams.open('gateway')));
    await Promise.all(stuck.map(([writer]) => fill(writer)));
    // Small questions and answers: a transport that sizes its credit by speed sees no need for more than a little here.
    const [asker, answerer] = await streams.open('agent');
    void pipeline(asker, asker).catch(() => {});
    for (let question = 0; question < QUESTIONS; question += 1) {
      answerer.write(Buffer.alloc(QUESTION_BYTES));
      for (let answered = 0; answered < QUESTION_BYTES; ) {
        const piece: Buffer | null = answerer.read();
        if (piece === null) await once(answerer, 'readable');
        else answered += piece.length;
      }
    }
    const sent = await carry(streams, 'gateway', 40 * MIB);
    assert.equal(sent.received, sent.expected);
    for (const [writer, reader] of stuck) {
      for (const end of [writer, reader]) end.destroy();
    }
  });

  for (const side of SIDES) {
    it(`destroy by the ${side} arrives as a reset with its code`, async (_t, streams) => {
      const [ours, theirs] = await streams.open(side);
      theirs.resume();
      const failed = resetOf(theirs);
      ours.destroy(new StreamReset(42));
      assert.equal(await failed, 42);
    });

    it(`destroy by the ${side} reaches a reader that has stopped and a writer that waits`, async (_t, streams) => {
      const [ours, theirs] = await streams.open(side);
      await fill(theirs);
      const failed = resetOf(theirs);
      ours.destroy(new StreamReset(7));
      assert.equal(await failed, 7);
    });

    it(`destroy by the ${side} after its end still stops the other direction`, async (_t, streams) => {
      const [ours, theirs] = await streams.open(side);
      ours.end('last words');
      assert.match(await text(Readable.from(theirs.iterator({ destroyOnReturn: false }))), /last words$/);
      const failed = resetOf(theirs);
      ours.destroy(new StreamReset(9));
      assert.equal(await failed, 9);
    });
  }

  it('destroy without an error, before the end, is a reset with code 0', async (_t, streams) => {
    for (const side of SIDES) {
      const [ours, theirs] = await streams.open(side);
      const failed = resetOf(theirs);
      ours.destroy();
      assert.equal(await failed, 0);
    }
  });

  it('streams that were reset in full flight give their credit back', async (_t, streams) => {
    for (let round = 0; round < 3 * LIMITS.streamsPerAgentV1; round += 1) {
      const [ours, theirs] = await streams.open('agent');
      ours.write(Buffer.alloc(200_000));
      theirs.write(Buffer.alloc(200_000));
      if (round % 3 === 2) await once(ours, 'readable'); // otherwise nothing of it has left yet
      const over = Promise.all([ours, theirs].map(closed));
      (round % 3 === 0 ? ours : theirs).destroy();
      await over;
    }
    await streams.none();
  });

  it('16 MiB arrive whole, both ways at once', async (_t, streams) => {
    const both = await Promise.all(SIDES.map((side) => carry(streams, side, 16 * MIB)));
    for (const { received, expected } of both) assert.equal(received, expected);
  });

  it('a thousand writes of one byte arrive in order', async (_t, streams) => {
    const [ours, theirs] = await streams.open('gateway');
    const bytes = randomBytes(1000);
    for (const byte of bytes) ours.write(Uint8Array.of(byte));
    ours.end();
    assert.deepEqual(await buffer(theirs), bytes);
  });

  it('256 streams at once carry their own bytes', async (_t, streams) => {
    const all = Array.from({ length: 256 }, async (_, index) => {
      const [ours, theirs] = await streams.open('gateway');
      void pipeline(theirs, theirs);
      const sent = randomBytes(10_000 + index);
      ours.end(sent);
      assert.deepEqual(await buffer(ours), sent);
    });
    await Promise.all(all);
    await streams.none();
  });
}

/** Writes until the other end takes nothing more: that is when the transport's own answers bring no progress any more. */
async function fill(writer: LinkStream): Promise<{ taken: number; sent: ReturnType<typeof createHash> }> {
  const sent = createHash('sha256');
  let taken = 0;
  const chunk = randomBytes(16 * 1024);
  for (;;) {
    if (taken > 64 * MIB) break;
    const written = new Promise<void>((resolve) => writer.write(chunk, () => resolve()));
    sent.update(chunk);
    taken += chunk.length;
    if (!(await settledSoon(written))) break;
  }
  return { taken, sent };
}

/** False when the promise is still pending after the loop has turned many times with time for packets to travel. */
async function settledSoon(promise: Promise<void>): Promise<boolean> {
  let settled = false;
  void promise.then(() => {
    settled = true;
  });
  const end = performance.now() + 300;
  while (!settled && performance.now() < end) await new Promise((resolve) => setImmediate(resolve));
  return settled;
}

async function carry(streams: Streams, side: Side, bytes: number): Promise<{ received: string; expected: string }> {
  const chunk = randomBytes(MIB);
  const expected = createHash('sha256');
  for (let sent = 0; sent < bytes; sent += chunk.length) expected.update(chunk);
  const [ours, theirs] = await streams.open(side);
  ours.resume();
  const source = Readable.from(Array.from({ length: bytes / chunk.length }, () => chunk));
  const sending = pipeline(source, ours, { end: true });
  const received = createHash('sha256');
  for await (const piece of theirs.iterator({ destroyOnReturn: false })) received.update(piece);
  theirs.end();
  await sending;
  return { received: received.digest('hex'), expected: expected.digest('hex') };
}

/** Unlike `once`, does not mind an error before. */
export function closed(stream: LinkStream): Promise<void> {
  return new Promise((resolve) => stream.once('close', resolve));
}

async function resetOf(stream: LinkStream): Promise<number> {
  const [error] = await once(stream, 'error');
  assert.ok(error instanceof StreamReset, String(error));
  return error.code;
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
