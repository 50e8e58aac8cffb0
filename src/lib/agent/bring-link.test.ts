// One round of reaching the gateway, on a clock that a test moves: who is dialled when, who wins, what becomes of the other.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { quietWorld } from '../../../test/support/quiet-world.ts';
import { TunnelError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { Link } from '../transport/link.ts';
import { memoryPair } from '../transport/memory/pair.ts';
import { bringLink } from './bring-link.ts';
import type { Round } from './choose-transport.ts';

const settle = () => new Promise((resolve) => setImmediate(resolve));

interface Way {
  readonly dials: number[];
  readonly link: Link;
  complete(): void;
  fail(error: TunnelError): void;
  /** The gateway answers on it. */
  answer(): void;
  readonly answered: Promise<void>;
  /** Whether the attempt was given up before it completed. */
  aborted: boolean;
}

function stand(round: Partial<Pick<Round, 'choice' | 'distrust'>> = {}, { stock = false } = {}) {
  const world = quietWorld();
  const way = (): Way & { dial: (signal: AbortSignal) => Promise<Link> } => {
    const { agent: link } = memoryPair({ alpn: 'gw-agent-tunnel/2', clock: world.clock });
    const dialled = Promise.withResolvers<Link>();
    const answered = Promise.withResolvers<void>();
    void link.closed.then(() => answered.reject(new TunnelError('link.lost', 'closed')));
    answered.promise.catch(() => {});
    const made: Way & { dial: (signal: AbortSignal) => Promise<Link> } = {
      dials: [],
      link,
      aborted: false,
      complete: () => dialled.resolve(link),
      fail: dialled.reject,
      answer: answered.resolve,
      answered: answered.promise,
      dial(signal) {
        made.dials.push(world.clock.monotonic());
        signal.addEventListener('abort', () => {
          made.aborted = true;
          dialled.reject(signal.reason);
        });
        return dialled.promise;
      },
    };
    return made;
  };
  const quic = way();
  const tls = way();
  const stop = new AbortController();
  const reasons: (string | null)[] = [];
  const serve = (link: Link, reason: string | null) => {
    reasons.push(reason);
    const { answered } = link === quic.link ? quic : tls;
    return { link, answered, giveUp: async (why: string) => await link.close(0, why) };
  };
  const ways = { quic: quic.dial, tls: stock ? undefined : tls.dial };
  const up = bringLink({ choice: 'auto', distrust: undefined, ...round }, ways, serve, world, stop.signal);
  up.catch(() => {});
  return { world, quic, tls, up, stop, reasons };
}

const isOpen = async ({ link }: Way) => await Promise.race([link.closed.then(() => false), settle().then(() => true)]);

test('QUIC within its head start: TLS is never dialled', async () => {
  const { world, quic, tls, up, reasons } = stand();
  await world.clock.advance(LIMITS.quicHeadStartMs - 1);
  quic.complete();
  await settle();
  quic.answer();
  assert.equal((await up).link, quic.link);
  await world.clock.advance(60_000);
  assert.deepEqual([tls.dials, reasons, world.clock.pending], [[], [null], 0]);
});

test('QUIC silent: TLS is dialled when the head start is over, and wins; the attempt over QUIC ends', async () => {
  const { world, quic, tls, up, reasons } = stand();
  await world.clock.advance(10_000);
  assert.deepEqual([quic.dials, tls.dials], [[0], [LIMITS.quicHeadStartMs]]);
  tls.complete();
  await settle();
  assert.ok(quic.aborted);
  tls.answer();
  assert.equal((await up).link, tls.link);
  assert.deepEqual(reasons, ['QUIC did not complete within 1.5 s']);
});

test('QUIC fails at once: so is TLS dialled', async () => {
  const { world, quic, tls, up, reasons } = stand();
  quic.fail(new TunnelError('quic.unavailable', 'no native binary for linux-arm64'));
  await settle();
  assert.deepEqual(tls.dials, [world.clock.monotonic()]);
  tls.complete();
  tls.answer();
  assert.equal((await up).link, tls.link);
  assert.deepEqual(reasons, ['no native binary for linux-arm64']);
});

test('QUIC completes but nothing answers: TLS takes over, and the link over QUIC is closed', async () => {
  const { world, quic, tls, up } = stand();
  quic.complete();
  await world.clock.advance(LIMITS.quicHeadStartMs);
  assert.deepEqual(tls.dials, [LIMITS.quicHeadStartMs]);
  assert.ok(await isOpen(quic));
  tls.complete();
  await settle();
  assert.ok(!(await isOpen(quic)));
  tls.answer();
  assert.equal((await up).link, tls.link);
});

test('QUIC answers late, but before TLS has completed: it wins, and the attempt over TLS ends', async () => {
  const { world, quic, tls, up } = stand();
  await world.clock.advance(3000);
  quic.complete();
  await settle();
  quic.answer();
  assert.equal((await up).link, quic.link);
  await settle();
  assert.ok(tls.aborted);
  assert.ok(await isOpen(quic));
});

test('both fail: both are named, by the code of QUIC, or of TLS where there is no QUIC', async () => {
  for (const [code, expected] of [
    ['gateway.silent', 'gateway.silent'],
    ['quic.unavailable', 'gateway.unreachable'],
  ] as const) {
    const { quic, tls, up } = stand();
    quic.fail(new TunnelError(code, 'over UDP 8443', { hint: 'UDP port 8443' }));
    await settle();
    tls.fail(new TunnelError('gateway.unreachable', 'over TCP 8443'));
    await assert.rejects(up, (error: TunnelError) => error.code === expected && /over UDP 8443/.test(error.message) && /over TCP 8443/.test(error.message));
  }
});

test('forced, and at a stock gateway, nothing else is dialled', async () => {
  for (const [round, options] of [
    [{ choice: 'quic' }, {}],
    [{}, { stock: true }],
  ] as const) {
    const { world, quic, tls, up } = stand(round, options);
    await world.clock.advance(10_000);
    quic.fail(new TunnelError('gateway.silent', 'nothing'));
    await assert.rejects(up, { code: 'gateway.silent', message: 'nothing' });
    assert.deepEqual(tls.dials, []);
  }
  const { quic, tls, up, reasons } = stand({ choice: 'tls' });
  tls.complete();
  tls.answer();
  assert.equal((await up).link, tls.link);
  assert.deepEqual([quic.dials, reasons], [[], ['--transport tls']]);
});

test('a QUIC link that was lost lets TLS come first, and QUIC where TLS fails', async () => {
  const { quic, tls, up, reasons } = stand({ distrust: 'lost after 4 s' });
  await settle();
  assert.deepEqual([quic.dials, tls.dials], [[], [0]]);
  tls.fail(new TunnelError('gateway.unreachable', 'TCP is shut'));
  await settle();
  quic.complete();
  quic.answer();
  assert.equal((await up).link, quic.link);
  assert.deepEqual(reasons, [null]);
});

test('an abort ends both ways and what has completed', async () => {
  const { world, quic, tls, up, stop } = stand();
  quic.complete();
  await world.clock.advance(2000);
  stop.abort(new TunnelError('interrupted', 'stopped'));
  await assert.rejects(up, { code: 'interrupted', message: 'stopped' });
  assert.ok(tls.aborted);
  assert.ok(!(await isOpen(quic)));
  assert.equal(world.clock.pending, 0);
});

test('what is shut is said while the other way is still tried, and not where there is no other way', async () => {
  const both = stand();
  await both.world.clock.advance(LIMITS.quicHandshakeMs);
  both.quic.fail(new TunnelError('gateway.silent', 'no answer from UDP 192.0.2.1:8443'));
  await settle();
  assert.deepEqual(both.world.logged, ['no link this way']);
  both.stop.abort(new TunnelError('interrupted', 'stopped'));
  await assert.rejects(both.up, { code: 'interrupted' });
  const alone = stand({ choice: 'quic' });
  alone.quic.fail(new TunnelError('gateway.silent', 'no answer'));
  await assert.rejects(alone.up, { code: 'gateway.silent' });
  assert.deepEqual([both.world.logged.length, alone.world.logged.length], [1, 0]);
});
