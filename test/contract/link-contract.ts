// What every transport must do, as one suite: a transport joins with one line (memory.test.ts, quic.test.ts).
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { LIMITS } from '../../src/lib/base/limits.ts';
import type { Link, LinkStream } from '../../src/lib/transport/link.ts';
import { closed, type Side, streamContract } from './stream-contract.ts';

export interface Pair {
  readonly agent: Link;
  readonly gateway: Link;
  /** The leaves, in DER, that each side was given. */
  readonly certificates: { readonly agent: Uint8Array; readonly gateway: Uint8Array };
}

export type MakePair = (t: TestContext) => Promise<Pair>;

const STOPPED_READER_BYTES = 2 * 1024 * 1024;

export function linkContract(name: string, makePair: MakePair): void {
  streamContract(name, async (t) => {
    const pair = await makePair(t);
    return {
      open: (side: Side) => openPair(t, pair[side], pair[side === 'agent' ? 'gateway' : 'agent']),
      none: async () => void (await Promise.all([pair.agent, pair.gateway].map(noStreams))),
      stoppedReaderBytes: STOPPED_READER_BYTES,
    };
  });

  const it = (what: string, check: (t: TestContext, pair: Pair) => Promise<void>) =>
    test(`${name}: ${what}`, { timeout: 60_000 }, async (t) => {
      const pair = await makePair(t);
      await check(t, pair);
    });

  it('a stream that is ended before it was seen is seen, with all it brought', async (t, { agent, gateway }) => {
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

async function finish(one: LinkStream, other: LinkStream): Promise<void> {
  const over = Promise.all([one, other].map(closed));
  for (const end of [one, other]) end.resume().end();
  await over;
}

async function noStreams(link: Link): Promise<void> {
  while (link.streams > 0) await new Promise((resolve) => setImmediate(resolve));
}
