// A client's first bytes: they leave with the question, each of them arrives once, and where that is not known it is said.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { quietWorld } from '../../../test/support/quiet-world.ts';
import { unread } from '../../../test/support/unread.ts';
import { TunnelError } from '../base/errors.ts';
import type { LinkStream } from '../transport/link.ts';
import { memoryPair } from '../transport/memory/pair.ts';
import { acceptChannel } from './accept-channel.ts';
import { FirstBytes } from './first-bytes.ts';
import { openChannel } from './open-channel.ts';
import { ALPN } from './version.ts';

const [V2 = '', V1 = ''] = ALPN;
const never = new AbortController().signal;
const request = { sessionId: '00112233-4455-6677-8899-aabbccddeeff', channelId: '10112233-4455-6677-8899-aabbccddeeff', target: 'db.corp.example:5432' };

const settled = () => new Promise((resolve) => setImmediate(resolve));

/** A client that has said `words`, and links to try for it. */
async function stand(words: string) {
  const world = quietWorld();
  const client = new PassThrough();
  if (words !== '') {
    client.write(words);
    await once(client, 'readable');
  }
  const first = new FirstBytes(client);
  const ask = (alpn: string, lastReceived = () => world.clock.monotonic()) => {
    const links = memoryPair({ alpn, clock: world.clock });
    Object.assign(links.gateway, { lastReceived });
    const opened = openChannel(links.gateway, request, world, never, first);
    opened.catch(() => {});
    const incoming = async () => {
      const stream = await links.agent.acceptStream(never);
      return { stream, ...(await acceptChannel(links.agent, stream, world, never)) };
    };
    return { links, opened, incoming };
  };
  return { world, client, first, ask };
}

/** What has come by the next turn. */
async function waiting(stream: LinkStream): Promise<string> {
  await settled();
  return unread(stream);
}

test('they are there before the agent has answered, and what follows comes behind them', async () => {
  const { client, first, ask } = await stand('hello ');
  const { opened, incoming } = ask(V2);
  const { stream, accept } = await incoming();
  assert.equal(await waiting(stream), 'hello ');
  accept('10.0.0.5:5432');
  const channel = await opened;
  assert.equal(first.length, 6);
  client.end('world');
  client.pipe(channel.stream);
  assert.equal(await text(stream), 'hello world');
});

test('so are those that come while the answer is awaited; nothing listens after it', async () => {
  const { client, first, ask } = await stand('');
  const { opened, incoming } = ask(V2);
  const { stream, accept } = await incoming();
  assert.equal(await waiting(stream), '');
  client.write('late');
  assert.equal(await waiting(stream), 'late');
  client.write(' and later');
  assert.equal(await waiting(stream), 'late');
  accept('10.0.0.5:5432');
  await opened;
  assert.equal(first.length, 4);
  assert.equal(client.listenerCount('readable'), 0);
});

test('after a refusal another way brings them, once', async () => {
  const { first, ask } = await stand('hello');
  const one = ask(V2);
  (await one.incoming()).refuse('refused', 'no');
  await assert.rejects(one.opened, { code: 'target.refused' });
  assert.equal(first.unaccounted, false);
  for (const alpn of [V2, V1]) {
    const other = ask(alpn);
    const { stream, accept, refuse } = await other.incoming();
    if (alpn === V2) refuse('unreachable', 'no');
    else accept('10.0.0.5:5432');
    await other.opened.catch((error: unknown) => assert.ok(error instanceof TunnelError && error.code === 'target.unreachable'));
    if (alpn === V1) assert.equal(await waiting(stream), 'hello');
  }
});

test('where the link goes before the answer nobody knows whether they arrived', async () => {
  const { first, ask } = await stand('hello');
  const { links, opened, incoming } = ask(V2);
  await incoming();
  await links.agent.close();
  await assert.rejects(opened);
  assert.equal(first.unaccounted, true);
});

test('on a link that has been silent for more than a second they wait for the answer, and another way may bring them', async () => {
  const { world, first, ask } = await stand('hello');
  let heardAt = world.clock.monotonic();
  await world.clock.advance(1001);
  const silent = ask(V2, () => heardAt);
  const { stream } = await silent.incoming();
  assert.equal(await waiting(stream), '');
  await silent.links.agent.close();
  await assert.rejects(silent.opened);
  assert.equal(first.unaccounted, false);
  heardAt += 1;
  const alive = ask(V2, () => heardAt);
  assert.equal(await waiting((await alive.incoming()).stream), 'hello');
});

test('version 1 gets them after its answer', async () => {
  const { client, first, ask } = await stand('hello');
  const { opened, incoming } = ask(V1);
  const { stream, accept } = await incoming();
  assert.equal(await waiting(stream), '');
  accept('10.0.0.5:5432');
  const channel = await opened;
  assert.equal(first.length, 0, 'they are still the client’s');
  client.pipe(channel.stream);
  client.end();
  assert.equal(await text(stream), 'hello');
});
