// The loop that never gives up, on a clock that a test moves and links in memory.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { quietWorld } from '../../../test/support/quiet-world.ts';
import { TunnelError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { Link } from '../transport/link.ts';
import { memoryPair } from '../transport/memory/pair.ts';
import { keepLinked, type ServeLink } from './keep-linked.ts';

function stand() {
  const world = { ...quietWorld(), random: { bytes: (count: number) => new Uint8Array(count), uuid: () => '', fraction: () => 0.999_999 } };
  const stop = new AbortController();
  const links: { agent: Link; gateway: Link }[] = [];
  const dials: number[] = [];
  const fail = { now: false };
  const dial = async () => {
    dials.push(world.clock.monotonic());
    assert.ok(links.every(({ agent }) => agent.streams === 0));
    if (fail.now) throw new TunnelError('gateway.silent', 'nothing');
    const pair = memoryPair({ alpn: 'gw-agent-tunnel/2', clock: world.clock });
    links.push(pair);
    return pair.agent;
  };
  const untilClosed: ServeLink = async (link, signal) => {
    signal.addEventListener('abort', () => void link.close(), { once: true });
    return { why: 'ended', end: await link.closed };
  };
  return { world, stop, links, dials, fail, dial, untilClosed };
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

test('pauses grow from half a second to 8 s, and to 60 s after five minutes', async () => {
  const { world, stop, dials, fail, dial, untilClosed } = stand();
  fail.now = true;
  const over = keepLinked(dial, untilClosed, world, stop.signal);
  await settle();
  await world.clock.advance(20 * 60_000);
  const pauses = dials.slice(1).map((at, index) => Math.round((at - (dials[index] ?? 0)) / 100) / 10);
  assert.deepEqual(pauses.slice(0, 7), [0.5, 1, 2, 4, 8, 8, 8]);
  assert.equal(Math.max(...pauses), 60);
  assert.ok(pauses.slice(0, 30).every((pause) => pause <= 8));
  stop.abort();
  await over;
  assert.equal(world.clock.pending, 0);
});

test('a good link forgets the failures before it, a short one does not', async () => {
  const { world, stop, links, dials, fail, dial, untilClosed } = stand();
  fail.now = true;
  const over = keepLinked(dial, untilClosed, world, stop.signal);
  await settle();
  await world.clock.advance(10_000);
  fail.now = false;
  await world.clock.advance(8_000);
  await world.clock.advance(LIMITS.goodLinkMs);
  const ended = world.clock.monotonic();
  await links.at(-1)?.gateway.close();
  await settle();
  await world.clock.advance(500);
  assert.ok((dials.at(-1) ?? 0) - ended <= 500, 'half a second after a good link');
  const short = world.clock.monotonic();
  await links.at(-1)?.gateway.close();
  await settle();
  await world.clock.advance(1000);
  assert.ok((dials.at(-1) ?? 0) - short > 500, 'longer after a link of no time');
  stop.abort();
  await over;
});

test('a renewed certificate dials again at once, the old link closed before', async () => {
  const { world, stop, links, dials, dial } = stand();
  const served = Promise.withResolvers<void>();
  const closed: boolean[] = [];
  const serve: ServeLink = async (link, signal) => {
    if (links.length === 1) return { why: 'renewed' };
    closed.push(await Promise.race([links[0]?.agent.closed.then(() => true) ?? false, settle().then(() => false)]));
    served.resolve();
    await world.clock.sleep(1e9, signal);
    return { why: 'ended', end: await link.closed };
  };
  const over = keepLinked(dial, serve, world, stop.signal);
  await served.promise;
  assert.deepEqual(dials, [0, 0]);
  assert.deepEqual(closed, [true]);
  stop.abort();
  await links[1]?.agent.close();
  await over;
});

test('a stop ends it while it pauses, and while it serves', async () => {
  for (const failing of [true, false]) {
    const { world, stop, fail, dial } = stand();
    fail.now = failing;
    const serve: ServeLink = async (_link, signal) => {
      await world.clock.sleep(1e9, signal);
      throw signal.reason;
    };
    const over = keepLinked(dial, serve, world, stop.signal);
    await settle();
    stop.abort(new TunnelError('interrupted', 'stopped'));
    await over;
    assert.equal(world.clock.pending, 0);
    assert.ok(!world.logged.includes('link failed'));
  }
});
