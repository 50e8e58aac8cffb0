// The race over addresses: order, stagger, what becomes of losers, and what is said when nothing came up.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { TunnelError } from '../base/errors.ts';
import type { SocketAddress } from '../base/world.ts';
import { connectFirst, interleave } from './happy-eyeballs.ts';

const at = (address: string): SocketAddress => ({ address, port: 22 });
const V6 = ['fd00::1', 'fd00::2'].map(at);
const V4 = ['10.0.0.1', '10.0.0.2'].map(at);

/** Attempts that the test settles by address; `destroyed` lists connections that were closed. */
function attempts() {
  const begun: string[] = [];
  const aborted: string[] = [];
  const destroyed: string[] = [];
  const settle = new Map<string, { up: () => void; down: (error: Error) => void }>();
  const connect = (to: SocketAddress, signal: AbortSignal) => {
    begun.push(to.address);
    const { promise, resolve, reject } = Promise.withResolvers<{ address: string; destroy(): void }>();
    signal.addEventListener('abort', () => aborted.push(to.address));
    settle.set(to.address, { up: () => resolve({ address: to.address, destroy: () => destroyed.push(to.address) }), down: reject });
    return promise;
  };
  return { begun, aborted, destroyed, settle, connect };
}

test('families take turns, the first address leads, each is tried once', () => {
  assert.deepEqual(
    interleave([...V6, ...V4, V4[0] as SocketAddress]).map(({ address }) => address),
    ['fd00::1', '10.0.0.1', 'fd00::2', '10.0.0.2'],
  );
  assert.deepEqual(
    interleave([...V4, at('fd00::1')]).map(({ address }) => address),
    ['10.0.0.1', 'fd00::1', '10.0.0.2'],
  );
  assert.deepEqual(interleave([]), []);
});

test('the next attempt starts after 250 ms, the winner aborts the others, a late loser is closed', async () => {
  const clock = new ManualClock();
  const { begun, aborted, destroyed, settle, connect } = attempts();
  const racing = connectFirst([...V6, ...V4], connect, { clock }, new AbortController().signal);
  await clock.advance(249);
  assert.deepEqual(begun, ['fd00::1']);
  await clock.advance(1);
  assert.deepEqual(begun, ['fd00::1', '10.0.0.1']);
  settle.get('10.0.0.1')?.up();
  assert.equal((await racing).address, '10.0.0.1');
  assert.ok(aborted.includes('fd00::1'));
  settle.get('fd00::1')?.up();
  await clock.advance(1000);
  assert.deepEqual(destroyed, ['fd00::1']);
  assert.equal(begun.length, 2);
  assert.equal(clock.pending, 0);
});

test("a failure starts the next attempt at once, and all failures are told with the first one's code", async () => {
  const clock = new ManualClock();
  const { begun, settle, connect } = attempts();
  const racing = connectFirst(V4, connect, { clock }, new AbortController().signal);
  settle.get('10.0.0.1')?.down(new TunnelError('target.refused', '10.0.0.1:22 refused the connection', { hint: 'Is it on?' }));
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(begun, ['10.0.0.1', '10.0.0.2']);
  settle.get('10.0.0.2')?.down(new Error('no route'));
  await assert.rejects(racing, { code: 'target.refused', hint: 'Is it on?', message: '10.0.0.1:22 refused the connection; no route' });
  assert.equal(clock.pending, 0);
});

test("the caller's deadline ends all and names what was tried", async () => {
  const clock = new ManualClock();
  const deadline = new AbortController();
  const { aborted, destroyed, settle, connect } = attempts();
  const racing = connectFirst([...V6, ...V4], connect, { clock }, deadline.signal);
  await clock.advance(250);
  deadline.abort(new TunnelError('target.timed-out', 'db.example:22 did not answer within 10s'));
  await assert.rejects(racing, {
    code: 'target.timed-out',
    message: 'db.example:22 did not answer within 10s; tried [fd00::1]:22 (no answer); 10.0.0.1:22 (no answer)',
  });
  assert.equal(aborted.length, 2);
  settle.get('fd00::1')?.up();
  await clock.advance(0);
  assert.deepEqual(destroyed, ['fd00::1']);
});

test('a deadline that is over, and no address at all', async () => {
  const { begun, connect } = attempts();
  await assert.rejects(connectFirst(V4, connect, { clock: new ManualClock() }, AbortSignal.abort()), { code: 'target.timed-out' });
  await assert.rejects(connectFirst([], connect, { clock: new ManualClock() }, new AbortController().signal), {
    code: 'target.unreachable',
    message: 'no address to try',
  });
  assert.deepEqual(begun, []);
});
