// What every transport must do, as one suite: a transport joins with one line (memory.test.ts, quic.test.ts).
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
import { type Link, type LinkStream, StreamReset } from '../../src/lib/transport/link.ts';

export interface Pair {
  readonly agent: Link;
  readonly gateway: Link;
  /** The leaves, in DER, that each side was given. */
  readonly certificates: { readonly agent: Uint8Array; readonly gateway: Uint8Array };
}

export type MakePair = (t: TestContext) => Promise<Pair>;

const MIB = 1024 * 1024;
const QUESTIONS = 1500;
const QUESTION_BYTES = 12 * 1024;
const STOPPED_READER_BYTES = 2 * MIB;

export function linkContract(name: string, makePair: MakePair): void {
  const it = (what: string, check: (t: TestContext, pair: Pair) => Promise<void>) =>
    test(`${name}: ${what}`, { timeout: 60_000 }, async (t) => {
      const pair = await makePair(t);
      await check(t, pair);
    });

  it('half-close, the answer still arrives after the question has ended', async (t, { agent, gateway }) => {
    for (const [asker, answerer] of [
      [gateway, agent],
      [agent, gateway],
    ] as const) {
      const asked = await asker.openStream(t.signal);
      asked.end('question');
      const answering = await answerer.acceptStream(t.signal);
      assert.equal(await text(answering), 'question');
      answering.end('answer');
      assert.equal(await text(asked), 'answer');
    }
    await Promise.all([agent, gateway].map(noStreams));
  });

  it('an end that follows its bytes a turn later arrives, whatever was acknowledged between', async (t, { agent, gateway }) => {
    for (let turns = 0; turns < 60; turns += 1) {
      const [asked, answering] = await openPair(t, gateway, agent);
      asked.end('question');
      await text(answering);
      answering.write('answer');
      for (let turn = 0; turn < turns % 6; turn += 1) await nextTurn();
      answering.end();
      assert.equal(await text(asked), 'answer');
    }
  });

  it('spliced at both ends, question, answer and end arrive as an end, the answer long after the question', async (t, { agent, gateway }) => {
    for (let round = 0; round < 100; round += 1) {
      const [asked, answering] = await openPair(t, gateway, agent);
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
    await Promise.all([agent, gateway].map(noStreams));
  });

  it('a stopped reader costs a bounded window, and what it held arrives when it goes on', async (t, pair) => {
    const [writer, reader] = await openPair(t, pair.gateway, pair.agent);
    const { taken, sent } = await fill(writer);
    t.diagnostic(`a reader that never read cost ${taken} bytes`);
    assert.ok(taken < STOPPED_READER_BYTES, `${taken} bytes were taken`);
    const got = buffer(reader);
    writer.end();
    assert.deepEqual(sha256(await got), sent.digest('hex'));
  });

  it('a stopped reader stops no other stream', async (t, pair) => {
    const stuck = await Promise.all(Array.from({ length: 20 }, () => openPair(t, pair.gateway, pair.agent)));
    await Promise.all(stuck.map(([writer]) => fill(writer)));
    // Small questions and answers: a transport that sizes its credit by speed sees no need for more than a little here.
    const [asker, answerer] = await openPair(t, pair.agent, pair.gateway);
    void pipeline(asker, asker).catch(() => {});
    for (let question = 0; question < QUESTIONS; question += 1) {
      answerer.write(Buffer.alloc(QUESTION_BYTES));
      for (let answered = 0; answered < QUESTION_BYTES; ) {
        const piece: Buffer | null = answerer.read();
        if (piece === null) await once(answerer, 'readable');
        else answered += piece.length;
      }
    }
    const sent = await carry(t, pair.gateway, pair.agent, 40 * MIB);
    assert.equal(sent.received, sent.expected);
    for (const [writer, reader] of stuck) {
      for (const end of [writer, reader]) end.destroy();
    }
  });

  for (const [from, to] of [
    ['gateway', 'agent'],
    ['agent', 'gateway'],
  ] as const) {
    it(`destroy by the ${from} arrives as a reset with its code`, async (t, pair) => {
      const [ours, theirs] = await openPair(t, pair[from], pair[to]);
      theirs.resume();
      const failed = resetOf(theirs);
      ours.destroy(new StreamReset(42));
      assert.equal(await failed, 42);
    });

    it(`destroy by the ${from} reaches a reader that has stopped and a writer that waits`, async (t, pair) => {
      const [ours, theirs] = await openPair(t, pair[from], pair[to]);
      await fill(theirs);
      const failed = resetOf(theirs);
      ours.destroy(new StreamReset(7));
      assert.equal(await failed, 7);
    });

    it(`destroy by the ${from} after its end still stops the other direction`, async (t, pair) => {
      const [ours, theirs] = await openPair(t, pair[from], pair[to]);
      ours.end('last words');
      assert.match(await text(Readable.from(theirs.iterator({ destroyOnReturn: false }))), /last words$/);
      const failed = resetOf(theirs);
      ours.destroy(new StreamReset(9));
      assert.equal(await failed, 9);
    });
  }

  it('destroy without an error, before the end, is a reset with code 0', async (t, { agent, gateway }) => {
    const [ours, theirs] = await openPair(t, agent, gateway);
    const failed = resetOf(theirs);
    ours.destroy();
    assert.equal(await failed, 0);
  });

  it('the stream limit is waited for', async (t, { agent, gateway }) => {
    const held: LinkStream[] = [];
    for (let opened = 0; opened < LIMITS.streamsPerAgentV1; opened += 1) held.push(...(await openPair(t, agent, gateway)));
    const waiting = new AbortController();
    const given = agent.openStream(waiting.signal);
    const late = agent.openStream(t.signal);
    waiting.abort(new Error('no longer wanted'));
    await assert.rejects(given, /no longer wanted/);
    const [first, itsPeer] = held;
    assert.ok(first && itsPeer);
    await finish(first, itsPeer);
    const opened = await late;
    opened.end('x');
    assert.equal(await text(await gateway.acceptStream(t.signal)), 'x');
  });

  it('streams that were reset in full flight give their credit back', async (t, pair) => {
    for (let round = 0; round < 3 * LIMITS.streamsPerAgentV1; round += 1) {
      const [ours, theirs] = await openPair(t, pair.agent, pair.gateway);
      ours.write(Buffer.alloc(200_000));
      theirs.write(Buffer.alloc(200_000));
      if (round % 3 === 2) await once(ours, 'readable'); // otherwise nothing of it has left yet
      const over = Promise.all([ours, theirs].map(closed));
      (round % 3 === 0 ? ours : theirs).destroy();
      await over;
    }
    await Promise.all([pair.agent, pair.gateway].map(noStreams));
  });

  it('close leaves nothing open and says why', async (t, { agent, gateway }) => {
    const pairs = await Promise.all(Array.from({ length: 3 }, () => openPair(t, gateway, agent)));
    const failures = pairs.flat().map(async (stream) => {
      const [error] = await once(stream, 'error');
      assert.equal(error.code, 'link.lost');
    });
    const accepting = assert.rejects(gateway.acceptStream(t.signal), { code: 'link.lost' });
    await agent.close(3, 'shutting down');
    await agent.close(4, 'twice');
    await Promise.all([...failures, accepting]);
    assert.deepEqual(await agent.closed, { by: 'us', code: 3, reason: 'shutting down' });
    assert.deepEqual(await gateway.closed, { by: 'peer', code: 3, reason: 'shutting down' });
    assert.deepEqual([agent.streams, gateway.streams], [0, 0]);
    await assert.rejects(gateway.openStream(t.signal), { code: 'link.lost' });
    await assert.rejects(agent.acceptStream(t.signal), { code: 'link.lost' });
  });

  it('16 MiB arrive whole, both ways at once', async (t, { agent, gateway }) => {
    const both = await Promise.all([carry(t, gateway, agent, 16 * MIB), carry(t, agent, gateway, 16 * MIB)]);
    for (const { received, expected } of both) assert.equal(received, expected);
  });

  it('a thousand writes of one byte arrive in order', async (t, { agent, gateway }) => {
    const stream = await gateway.openStream(t.signal);
    const bytes = randomBytes(1000);
    for (const byte of bytes) stream.write(Uint8Array.of(byte));
    stream.end();
    assert.deepEqual(await buffer(await agent.acceptStream(t.signal)), bytes);
  });

  it('256 streams at once carry their own bytes', async (t, { agent, gateway }) => {
    const echoing = (async () => {
      for (let accepted = 0; accepted < 256; accepted += 1) {
        const stream = await agent.acceptStream(t.signal);
        void pipeline(stream, stream);
      }
    })();
    const echoed = Array.from({ length: 256 }, async (_, index) => {
      const stream = await gateway.openStream(t.signal);
      const sent = randomBytes(10_000 + index);
      stream.end(sent);
      assert.deepEqual(await buffer(stream), sent);
    });
    await Promise.all([echoing, ...echoed]);
    await Promise.all([agent, gateway].map(noStreams));
  });

  it('each side sees the certificate that the other was given', async (_t, { agent, gateway, certificates }) => {
    assert.deepEqual(Buffer.from(agent.peerCertificate), Buffer.from(certificates.gateway));
    assert.deepEqual(Buffer.from(gateway.peerCertificate), Buffer.from(certificates.agent));
    assert.equal(agent.alpn, gateway.alpn);
  });

  it('hearing from the peer is noted', async (t, pair) => {
    const before = pair.agent.lastReceived();
    await openPair(t, pair.gateway, pair.agent);
    assert.ok(pair.agent.lastReceived() > before);
  });
}

/** One stream, seen by both ends; one byte has gone over and was read. */
async function openPair(t: TestContext, from: Link, to: Link): Promise<[LinkStream, LinkStream]> {
  const ours = await from.openStream(t.signal);
  ours.write('!');
  const theirs = await to.acceptStream(t.signal);
  if (theirs.readableLength === 0) await once(theirs, 'readable');
  assert.equal(String(theirs.read(1)), '!');
  return [ours, theirs];
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

async function carry(t: TestContext, from: Link, to: Link, bytes: number): Promise<{ received: string; expected: string }> {
  const chunk = randomBytes(MIB);
  const expected = createHash('sha256');
  for (let sent = 0; sent < bytes; sent += chunk.length) expected.update(chunk);
  const stream = await from.openStream(t.signal);
  stream.resume();
  const source = Readable.from(Array.from({ length: bytes / chunk.length }, () => chunk));
  const sending = pipeline(source, stream, { end: true });
  const incoming = await to.acceptStream(t.signal);
  const received = createHash('sha256');
  for await (const piece of incoming.iterator({ destroyOnReturn: false })) received.update(piece);
  incoming.end();
  await sending;
  return { received: received.digest('hex'), expected: expected.digest('hex') };
}

async function finish(one: LinkStream, other: LinkStream): Promise<void> {
  const over = Promise.all([one, other].map(closed));
  for (const end of [one, other]) end.resume().end();
  await over;
}

/** Unlike `once`, does not mind an error before. */
function closed(stream: LinkStream): Promise<void> {
  return new Promise((resolve) => stream.once('close', resolve));
}

async function resetOf(stream: LinkStream): Promise<number> {
  const [error] = await once(stream, 'error');
  assert.ok(error instanceof StreamReset, String(error));
  return error.code;
}

async function noStreams(link: Link): Promise<void> {
  while (link.streams > 0) await new Promise((resolve) => setImmediate(resolve));
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
