// Channels of both versions, our two ends against each other, and against ends made by hand that misbehave.
import assert from 'node:assert/strict';
import { getEventListeners, once } from 'node:events';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { quietWorld } from '../../../test/support/quiet-world.ts';
import { TunnelError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { encodeFrame } from '../protocol/frame.ts';
import { encodeConnectResponse } from '../protocol/v1-connect.ts';
import { decodeV2ChannelResponse, encodeV2ChannelOpen } from '../protocol/v2-channel.ts';
import { type LinkStream, StreamReset } from '../transport/link.ts';
import { memoryPair } from '../transport/memory/pair.ts';
import { joinedStreams } from '../transport/memory/stream.ts';
import { acceptChannel } from './accept-channel.ts';
import { adopt, readFrame } from './frames.ts';
import { openChannel } from './open-channel.ts';
import { ALPN, CLOSE } from './version.ts';

const [V2 = '', V1 = ''] = ALPN;
const never = new AbortController().signal;
const request = { sessionId: '00112233-4455-6677-8899-aabbccddeeff', channelId: '10112233-4455-6677-8899-aabbccddeeff', target: 'db.corp.example:5432' };

function pair(alpn: string) {
  const world = quietWorld();
  return { world, links: memoryPair({ alpn, clock: world.clock }) };
}

function opening(alpn: string) {
  const { links, world } = pair(alpn);
  const opened = openChannel(links.gateway, request, world, never);
  const incoming = async () => await acceptChannel(links.agent, await links.agent.acceptStream(never), world, never);
  return { links, world, opened, incoming };
}

/** What was destroyed has said so. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

/** The agent by hand: `answer` gets the stream with its request read. */
async function answered(alpn: string, answer: (stream: LinkStream) => void) {
  const { links, world, opened } = opening(alpn);
  const outcome = opened.then(
    () => assert.fail('opened'),
    (error: unknown) => (error instanceof TunnelError ? { code: error.code, message: error.message } : assert.fail(String(error))),
  );
  const stream = adopt(await links.agent.acceptStream(never));
  await readFrame(stream, 2 ** 16, world.clock, never);
  answer(stream);
  return { links, world, error: await outcome };
}

for (const alpn of [V1, V2]) {
  test(`${alpn}: accepted, then raw bytes both ways, half-closed`, async () => {
    const { links, world, opened, incoming } = opening(alpn);
    const channel = await incoming();
    assert.deepEqual(channel.request, {
      sessionId: request.sessionId,
      channelId: alpn === V2 ? request.channelId : undefined,
      channel: 'tcp',
      target: request.target,
    });
    const atAgent = channel.accept('10.0.0.5:5432', { resolveUs: 1200, connectUs: 300 });
    atAgent.write('banner ');
    const { stream, address, timing } = await opened;
    assert.equal(address, alpn === V2 ? '10.0.0.5:5432' : null);
    assert.deepEqual(timing, alpn === V2 ? { resolveUs: 1200, connectUs: 300, answerUs: 0 } : { answerUs: 0 });
    stream.end('question');
    assert.equal(await text(atAgent), 'question');
    atAgent.end('answer');
    assert.equal(await text(stream), 'banner answer');
    assert.equal(world.clock.pending, 0, 'no timer is left');
    assert.equal(links.gateway.streams, 0);
  });

  for (const [refusal, code] of [
    ['not-allowed', 'policy.denied'],
    ['not-routed', 'route.none'],
    ['dns-failed', 'dns.failed'],
    ['refused', 'target.refused'],
    ['unreachable', 'target.unreachable'],
    ['timed-out', 'target.timed-out'],
    ['too-many', 'limit.reached'],
    ['shutting-down', 'agent.offline'],
    ['bad-request', 'agent.failed'],
  ] as const) {
    test(`${alpn}: refused with ${refusal} is ${code}`, async () => {
      const { links, opened, incoming } = opening(alpn);
      (await incoming()).refuse(refusal, 'because');
      await assert.rejects(opened, { code, message: alpn === V2 ? 'because' : `${refusal}: because` });
      await settled();
      assert.equal(links.gateway.streams + links.agent.streams, 0, 'no stream is left');
    });
  }

  test(`${alpn}: an end or a reset before the response is a refusal without a reason`, async () => {
    for (const answer of [(stream: LinkStream) => void stream.end(), (stream: LinkStream) => void stream.destroy(new StreamReset(7))]) {
      const { links, error } = await answered(alpn, answer);
      assert.deepEqual(error, { code: 'agent.failed', message: 'the agent refused without saying why' });
      await settled();
      assert.equal(links.gateway.streams, 0);
    }
  });

  test(`${alpn}: bytes that are no response end the link`, async () => {
    for (const bytes of ['SSH-2.0-OpenSSH', '\0\0\0\x03\x55\0\x01', '\0\0\0\0']) {
      const { links, error } = await answered(alpn, (stream) => void stream.write(bytes, 'latin1'));
      assert.equal(error.code, 'protocol.violation');
      assert.equal((await links.agent.closed).code, alpn === V2 ? CLOSE.violation : 0);
    }
  });

  test(`${alpn}: an agent that never answers`, async () => {
    const { links, world, opened } = opening(alpn);
    const stream = adopt(await links.agent.acceptStream(never));
    const silent = assert.rejects(opened, { code: 'agent.silent' });
    await readFrame(stream, 2 ** 16, world.clock, never);
    assert.equal(world.clock.next, alpn === V2 ? 15_000 : 30_000);
    await world.clock.advance(30_000);
    await silent;
    assert.ok(stream.errored instanceof StreamReset, 'the agent learns that nobody waits');
  });

  test(`${alpn}: no stream credit`, async () => {
    const { links, world } = pair(alpn);
    for (let open = 0; open < LIMITS.streamsPerAgentV2; open += 1) await links.gateway.openStream(never);
    const exhausted = assert.rejects(openChannel(links.gateway, request, world, never), { code: 'streams.exhausted' });
    await world.clock.advance(5_000);
    await exhausted;
  });

  test(`${alpn}: the caller gives up`, async () => {
    const { links, world } = opening(alpn);
    await links.agent.acceptStream(never);
    const ending = new AbortController();
    const givenUp = assert.rejects(openChannel(links.gateway, request, world, ending.signal), /operator left/);
    const stream = adopt(await links.agent.acceptStream(never));
    ending.abort(new Error('operator left'));
    await givenUp;
    assert.ok(stream.errored instanceof StreamReset);
  });

  test(`${alpn}: the link is lost meanwhile`, async () => {
    const { links, opened } = opening(alpn);
    const lost = assert.rejects(opened, { code: 'link.lost' });
    await links.agent.acceptStream(never);
    await links.agent.close();
    await lost;
  });

  test(`${alpn}: a request that is none is refused and does no harm to the link`, async () => {
    const { links, world } = pair(alpn);
    const stream = adopt(await links.gateway.openStream(never));
    stream.write(encodeFrame(Buffer.from('55', 'hex'), 100));
    await assert.rejects(acceptChannel(links.agent, await links.agent.acceptStream(never), world, never), { code: 'protocol.violation' });
    assert.match(await text(stream), /is unknown/);
    assert.equal(links.agent.streams, 1, 'until the gateway has reset it');
  });

  test(`${alpn}: a stream without a request`, async () => {
    const { links, world } = pair(alpn);
    const [stream, theirs] = joinedStreams(1).map(adopt);
    assert.ok(stream !== undefined && theirs !== undefined);
    const silent = assert.rejects(acceptChannel(links.agent, theirs, world, never), { code: 'gateway.silent' });
    await world.clock.timerSet();
    await world.clock.advance(30_000);
    await silent;
    assert.ok(stream.errored instanceof StreamReset);
  });
}

test('version 1: a reason of a stock agent becomes a code', async () => {
  const reason = 'TCP connect failed for 10.0.0.5:22: Connection refused (os error 111)';
  const { error } = await answered(V1, (stream) => void stream.end(encodeFrame(encodeConnectResponse({ connected: false, reason }), 2 ** 16)));
  assert.deepEqual(error, { code: 'target.refused', message: reason });
});

test('bytes that came with the request are not lost', async () => {
  const { links, world } = pair(V1);
  const opened = openChannel(links.gateway, request, world, never);
  const raw = await links.agent.acceptStream(never);
  const channel = await acceptChannel(links.agent, raw, world, never);
  const atAgent = channel.accept('10.0.0.5:5432');
  const { stream } = await opened;
  stream.end('early');
  assert.equal(await text(atAgent), 'early');
  stream.resume();
  atAgent.end();
});

test('a refusal is said once, and what the gateway had sent already is thrown away', async () => {
  const { links, world } = pair(V2);
  const stream = adopt(await links.gateway.openStream(never));
  stream.write(encodeFrame(encodeV2ChannelOpen({ kind: 'channel-open', channel: 'tcp', ...request }), 2 ** 14));
  const early = once(stream, 'finish');
  stream.end(Buffer.alloc(2 ** 20));
  const channel = await acceptChannel(links.agent, await links.agent.acceptStream(never), world, never);
  channel.refuse('refused', 'first');
  channel.refuse('refused', 'second');
  const payload = await readFrame(stream, 2 ** 14, world.clock, never);
  const answer = decodeV2ChannelResponse(payload ?? assert.fail('ended'));
  assert.deepEqual(answer, { kind: 'channel-refuse', code: 'refused', reason: 'first', resolveUs: undefined, connectUs: undefined });
  assert.equal(await readFrame(stream, 2 ** 14, world.clock, never), undefined);
  await early;
});

test('a signal that outlives the channel keeps nothing of it', async () => {
  const { links, world, incoming } = opening(V2);
  const ending = new AbortController();
  const opened = openChannel(links.gateway, request, world, ending.signal);
  (await incoming()).accept('10.0.0.5:5432');
  (await incoming()).accept('10.0.0.5:5432');
  await opened;
  assert.deepEqual(getEventListeners(ending.signal, 'abort'), []);
});

test('a refusal after the gateway has left does no harm', async () => {
  const { opened, links, world } = opening(V2);
  const channel = await acceptChannel(links.agent, await links.agent.acceptStream(never), world, never);
  const lost = assert.rejects(opened, { code: 'link.lost' });
  await links.gateway.close();
  await lost;
  channel.refuse('refused', 'too late');
  channel.accept('too late as well');
});
