// What keeps an agent linked, on a clock that a test moves and links in memory: pauses, successors before the old link goes, moves of the network.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { quietWorld } from '../../../test/support/quiet-world.ts';
import { unlessAborted } from '../base/deadline.ts';
import { TunnelError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { CLOSE } from '../link/version.ts';
import type { Link, LinkEnd, TransportName } from '../transport/link.ts';
import { memoryPair } from '../transport/memory/pair.ts';
import type { TransportChoice } from './choose-transport.ts';
import { type BringRequest, keepLinked } from './keep-linked.ts';
import { NetworkWatch } from './network-watch.ts';
import type { Ended, KeptLink } from './served-link.ts';

const settle = () => new Promise((resolve) => setImmediate(resolve));

interface Up extends KeptLink {
  readonly wishFor: (why: 'renewed' | 'drained') => void;
  readonly end: (ended: Ended) => void;
  retired: boolean;
}

interface Dial {
  transport: TransportName;
  fails: boolean;
  hangs: boolean;
  after?: Promise<void>;
}

interface Options {
  readonly choice?: TransportChoice;
  readonly version?: 1 | 2;
  readonly first?: Partial<Dial>;
}

function stand(t: { after(work: () => unknown): void }, { choice = 'auto', version = 2, first = {} }: Options = {}) {
  const world = { ...quietWorld(), random: { bytes: (count: number) => new Uint8Array(count), uuid: () => '', fraction: () => 0.999_999 } };
  const stop = new AbortController();
  const network = new NetworkWatch();
  const ups: Up[] = [];
  const dials: ({ at: number } & BringRequest)[] = [];
  const failures: unknown[] = [];
  /** How the next dials go. */
  const next: Dial = { transport: 'quic', fails: false, hangs: false, ...first };
  const bring = async (request: BringRequest, signal: AbortSignal): Promise<KeptLink> => {
    dials.push({ at: world.clock.monotonic(), ...request });
    const until = next.hangs ? new Promise<void>(() => {}) : next.after;
    if (until !== undefined) await unlessAborted(until, signal);
    if (next.fails) throw new TunnelError('gateway.silent', 'nothing');
    const link: Link = Object.create(memoryPair({ alpn: `gw-agent-tunnel/${version}`, clock: world.clock }).agent, {
      transport: { value: next.transport },
      remote: { value: { address: '192.0.2.1', port: 1 } },
      alpn: { value: `gw-agent-tunnel/${version}` },
    });
    const ended = Promise.withResolvers<Ended>();
    const wish = Promise.withResolvers<'renewed' | 'drained'>();
    const up: Up = {
      link,
      ended: ended.promise,
      wish: wish.promise,
      retired: false,
      wishFor: wish.resolve,
      end: ended.resolve,
      retire: () => {
        up.retired = true;
      },
      giveUp: async (reason) => ended.resolve({ why: 'ended', end: { by: 'us', code: 0, reason } }),
    };
    ups.push(up);
    return up;
  };
  const preference = { choice, quicReturnMs: LIMITS.quicReturnMs };
  const watchers = new Set<() => void>();
  const prefer = (now: Partial<typeof preference>) => {
    Object.assign(preference, now);
    for (const watcher of [...watchers]) watcher();
  };
  const onPreference = (callback: () => void) => {
    watchers.add(callback);
    return { [Symbol.dispose]: () => void watchers.delete(callback) };
  };
  const keeping = { preference, onPreference, network, bring, failed: (error: unknown) => failures.push(error) };
  const over = keepLinked(keeping, world, stop.signal);
  const finish = async () => {
    stop.abort(new TunnelError('interrupted', 'stopped'));
    await over;
    assert.equal(world.clock.pending, 0);
  };
  t.after(finish);
  return { world, network, ups, dials, failures, next, prefer, finish };
}

const ended = (by: LinkEnd['by']): Ended => ({ why: 'ended', end: { by, code: undefined, reason: '' } });

test('pauses grow from half a second to 8 s, and to 60 s after five minutes', async (t) => {
  const { world, dials, failures, finish } = stand(t, { first: { fails: true } });
  await settle();
  await world.clock.advance(20 * 60_000);
  await finish();
  const pauses = dials.slice(1).map(({ at }, index) => Math.round((at - (dials[index]?.at ?? 0)) / 100) / 10);
  assert.deepEqual(pauses.slice(0, 7), [0.5, 1, 2, 4, 8, 8, 8]);
  assert.equal(Math.max(...pauses), 60);
  assert.ok(pauses.slice(0, 30).every((pause) => pause <= 8));
  assert.equal(failures.length, dials.length);
});

test('a good link forgets the failures before it, a short one does not', async (t) => {
  const { world, ups, dials, next } = stand(t, { first: { fails: true } });
  await world.clock.advance(10_000);
  next.fails = false;
  await world.clock.advance(8000);
  await world.clock.advance(LIMITS.goodLinkMs);
  const good = world.clock.monotonic();
  ups.at(-1)?.end(ended('peer'));
  await settle();
  await world.clock.advance(500);
  assert.ok((dials.at(-1)?.at ?? 0) - good <= 500, 'half a second after a good link');
  const short = world.clock.monotonic();
  ups.at(-1)?.end(ended('peer'));
  await settle();
  await world.clock.advance(1000);
  assert.ok((dials.at(-1)?.at ?? 0) - short > 500, 'longer after a link of no time');
});

test('a gateway that stops is expected back: pauses stay at 2 s for half a minute', async (t) => {
  const { world, ups, dials, next } = stand(t);
  await settle();
  next.fails = true;
  ups[0]?.end({ why: 'ended', end: { by: 'peer', code: CLOSE.stopping, reason: 'the gateway is stopping' } });
  await settle();
  await world.clock.advance(60_000);
  const pauses = dials.slice(1).map(({ at }, index) => Math.round((at - (dials[index]?.at ?? 0)) / 100) / 10);
  assert.deepEqual(pauses.slice(0, 5), [0.5, 1, 2, 2, 2]);
  assert.ok(
    dials.every(({ at }, index) => at > LIMITS.backoffStoppedMs || (pauses[index] ?? 0) <= 2),
    pauses.join(),
  );
  assert.equal(pauses.at(-1), 8);
});

test('a renewed certificate: the next link is up before the old one is retired, and without a pause', async (t) => {
  const { world, ups, dials } = stand(t);
  await settle();
  ups[0]?.wishFor('renewed');
  await settle();
  assert.deepEqual(
    dials.map(({ at }) => at),
    [0, 0],
  );
  assert.deepEqual(
    ups.map(({ retired }) => retired),
    [true, false],
  );
  ups[0]?.end({ why: 'replaced' });
  await world.clock.advance(60_000);
  assert.equal(dials.length, 2, 'the end of the older link means nothing');
});

test('drained: after a pause, the old link kept until another is up', async (t) => {
  const { world, ups, dials, next } = stand(t);
  await settle();
  next.fails = true;
  ups[0]?.wishFor('drained');
  await world.clock.advance(400);
  assert.equal(dials.length, 1);
  await world.clock.advance(1000);
  assert.ok(dials.length > 1);
  assert.equal(ups[0]?.retired, false);
  next.fails = false;
  await world.clock.advance(8000);
  assert.deepEqual(
    ups.map(({ retired }) => retired),
    [true, false],
  );
});

test('version 1: a renewed link has ended, and the next is dialled at once', async (t) => {
  const { ups, dials } = stand(t, { version: 1 });
  await settle();
  ups[0]?.end({ why: 'renewed' });
  await settle();
  assert.deepEqual(
    dials.map(({ at }) => at),
    [0, 0],
  );
});

test('the network moves: another link at once, before the old one goes', async (t) => {
  const { ups, dials, network } = stand(t);
  await settle();
  network.moved('another address');
  await settle();
  assert.deepEqual(
    dials.map(({ at }) => at),
    [0, 0],
  );
  assert.deepEqual(
    ups.map(({ retired }) => retired),
    [true, false],
  );
});

test('version 1 and the network moves: the old link is closed first, and the gateway may not know', async (t) => {
  const { ups, dials, network } = stand(t, { version: 1 });
  await settle();
  network.moved('another address');
  await settle();
  assert.deepEqual(await ups[0]?.ended, { why: 'ended', end: { by: 'us', code: 0, reason: 'the network moved' } });
  assert.equal(dials[1]?.afterLoss, true);
});

test('the network moves during a pause and during a dial: dialled at once, as if nothing had failed', async (t) => {
  const { world, dials, next, network } = stand(t, { first: { fails: true } });
  await world.clock.advance(30_000);
  const before = dials.length;
  network.moved('another address');
  await settle();
  assert.equal(dials.length, before + 1);
  assert.equal(dials.at(-1)?.at, 30_000);
  next.hangs = true;
  await world.clock.advance(500);
  assert.equal(dials.length, before + 2, 'half a second again');
  network.moved('yet another');
  await settle();
  assert.equal(dials.length, before + 3);
});

test('on TLS by auto QUIC is tried every five minutes, quietly, and taken when it answers', async (t) => {
  const { world, ups, dials, next, failures } = stand(t, { first: { transport: 'tls' } });
  await settle();
  next.fails = true;
  const since = dials.length;
  await world.clock.advance(2 * LIMITS.quicReturnMs + 1000);
  assert.deepEqual(
    dials.slice(since).map(({ choice }) => choice),
    ['quic', 'quic'],
  );
  assert.deepEqual([failures.length, ups[0]?.retired], [0, false]);
  next.fails = false;
  next.transport = 'quic';
  await world.clock.advance(LIMITS.quicReturnMs);
  assert.equal(ups[1]?.link.transport, 'quic');
  assert.equal(ups[0]?.retired, true);
  await world.clock.advance(2 * LIMITS.quicReturnMs);
  assert.equal(ups.length, 2, 'on QUIC there is nothing to return to');
});

test('the gateway lets the link over TLS go before its answer over QUIC is here: QUIC is taken all the same', async (t) => {
  const { world, ups, dials, next } = stand(t, { first: { transport: 'tls' } });
  await settle();
  next.transport = 'quic';
  const slow = Promise.withResolvers<void>();
  next.after = slow.promise;
  await world.clock.advance(LIMITS.quicReturnMs);
  ups[0]?.end({ why: 'ended', end: { by: 'peer', code: CLOSE.replaced, reason: 'replaced by a newer link' } });
  await settle();
  slow.resolve();
  await settle();
  assert.deepEqual([ups[1]?.link.transport, dials.length], ['quic', 2]);
  await world.clock.advance(60_000);
  assert.equal(dials.length, 2);
});

test('TLS by choice stays TLS; a link that ends while QUIC is tried is not waited for', async (t) => {
  const forced = stand(t, { choice: 'tls', first: { transport: 'tls' } });
  await settle();
  await forced.world.clock.advance(3 * LIMITS.quicReturnMs);
  assert.equal(forced.dials.length, 1);

  const { world, ups, dials, next } = stand(t, { first: { transport: 'tls' } });
  await settle();
  next.hangs = true;
  await world.clock.advance(LIMITS.quicReturnMs);
  assert.equal(dials.at(-1)?.choice, 'quic');
  next.hangs = false;
  ups.at(-1)?.end(ended('peer'));
  await settle();
  await world.clock.advance(500);
  assert.equal(dials.at(-1)?.choice, 'auto');
});

test('a QUIC link lost in silence soon after it came up is not trusted next time; a later loss means nothing', async (t) => {
  const { world, ups, dials } = stand(t);
  await settle();
  await world.clock.advance(12_000);
  ups[0]?.end(ended('silence'));
  await settle();
  await world.clock.advance(500);
  assert.deepEqual([dials[1]?.distrust, dials[1]?.afterLoss], ['the QUIC link before was lost after 12 s', true]);
  await world.clock.advance(LIMITS.goodLinkMs);
  ups[1]?.end(ended('silence'));
  await settle();
  await world.clock.advance(1000);
  assert.equal(dials[2]?.distrust, undefined);
  ups[2]?.end(ended('peer'));
  await settle();
  await world.clock.advance(2000);
  assert.deepEqual([dials[3]?.distrust, dials[3]?.afterLoss], [undefined, false]);
});

test('a stop ends it while it pauses, while it dials and while it is linked', async (t) => {
  for (const how of [{ fails: true }, { hangs: true }, {}]) {
    const { world, finish } = stand(t, { first: how });
    await settle();
    await finish();
    assert.ok(!world.logged.includes('link failed'));
  }
});
