// What counts as a move of this machine: the rule as a table, then the watch on a clock that a test moves.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { quietWorld } from '../../../test/support/quiet-world.ts';
import type { SocketAddress, World } from '../base/world.ts';
import { judgeMove, type Look, NetworkWatch } from './network-watch.ts';

const linked: Look = { wall: 1000, monotonic: 0, to: '192.0.2.1 8443', source: '10.0.0.5', addresses: '10.0.0.5' };
const alone: Look = { wall: 1000, monotonic: 0, to: undefined, source: undefined, addresses: '10.0.0.5' };

for (const [what, before, change, expected] of [
  ['nothing', linked, {}, undefined],
  ['another source', linked, { source: '10.1.0.7' }, 'the gateway is reached from 10.1.0.7 now, not from 10.0.0.5'],
  ['a bridge came up', linked, { addresses: '10.0.0.5 172.17.0.1' }, undefined],
  ['another link', linked, { to: '192.0.2.2 8443', source: '10.1.0.7' }, undefined],
  ['the source becomes known', { ...linked, source: undefined }, { source: '10.1.0.7' }, undefined],
  ['a network while there is no link', alone, { addresses: '10.0.0.5 10.1.0.7' }, 'the addresses of this machine changed'],
  ['no link, no change', alone, {}, undefined],
  ['a second passes', linked, { wall: 2000, monotonic: 1000 }, undefined],
  ['a busy machine', linked, { wall: 61_000, monotonic: 60_000 }, undefined],
  ['a short sleep', linked, { wall: 10_900, monotonic: 0 }, undefined],
  ['sleep', linked, { wall: 3_602_000, monotonic: 1000 }, '3600 s passed while this machine slept'],
  ['a clock set back', linked, { wall: -3_600_000, monotonic: 1000 }, undefined],
] as const) {
  test(what, () => assert.equal(judgeMove(before, { ...before, ...change }), expected));
}

test('it looks once a second; a way that is gone and comes back as it was is no move', async () => {
  const base = quietWorld();
  let source: string | undefined = '10.0.0.5';
  const world: Pick<World, 'clock' | 'net'> = { clock: base.clock, net: { ...base.net, sourceAddress: async () => source, interfaces: () => [] } };
  const watch = new NetworkWatch();
  const moves: string[] = [];
  using _moves = watch.onMove((what) => moves.push(what));
  const stop = new AbortController();
  const over = watch.run(() => ({ address: '192.0.2.1', port: 8443 }), world, stop.signal);
  await base.clock.timerSet();
  source = undefined;
  await base.clock.advance(3000);
  source = '10.0.0.5';
  await base.clock.advance(3000);
  assert.deepEqual(moves, []);
  source = undefined;
  await base.clock.advance(1000);
  source = '10.1.0.7';
  await base.clock.advance(1000);
  assert.deepEqual(moves, ['the gateway is reached from 10.1.0.7 now, not from 10.0.0.5']);
  await base.clock.advance(10_000);
  assert.equal(moves.length, 1);
  stop.abort();
  await over;
  assert.equal(base.clock.pending, 0);
});

test('a link is compared with what was so when it came up, not a second later', async () => {
  const base = quietWorld();
  let source = '10.0.0.5';
  let remote: SocketAddress | undefined;
  const world: Pick<World, 'clock' | 'net'> = { clock: base.clock, net: { ...base.net, sourceAddress: async () => source, interfaces: () => [] } };
  const watch = new NetworkWatch();
  const moves: string[] = [];
  using _moves = watch.onMove((what) => moves.push(what));
  const stop = new AbortController();
  const over = watch.run(() => remote, world, stop.signal);
  await base.clock.timerSet();
  await base.clock.advance(500);
  remote = { address: '192.0.2.1', port: 8443 };
  watch.linked();
  await new Promise((resolve) => setImmediate(resolve));
  await base.clock.timerSet();
  source = '10.1.0.7';
  await base.clock.advance(1000);
  assert.equal(moves.length, 1);
  stop.abort();
  await over;
});

test('this machine itself: the way to loopback starts there, and no way has no source', async () => {
  const { net } = quietWorld();
  assert.equal(await net.sourceAddress({ address: '127.0.0.1', port: 9 }), '127.0.0.1');
  assert.equal(await net.sourceAddress({ address: '0.0.0.0.0', port: 9 }), undefined);
});
