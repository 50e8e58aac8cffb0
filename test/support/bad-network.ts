// What a bad network does to a QUIC link, as numbers: one seeded attempt after the other through the UDP proxy, for the quick tests and the long ones.
import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import type { TestContext } from 'node:test';
import type { Link, LinkStream } from '../../src/lib/transport/link.ts';
import { StreamReset } from '../../src/lib/transport/link.ts';
import { listening } from '../contract/quic-pair.ts';
import { seededRandom } from './seeded-random.ts';
import { udpProxy, type Weather } from './udp-proxy.ts';

const MIB = 1024 * 1024;
const GIVE_UP_MS = 20_000;

/** Each with the share of attempts that must be done within 12 s of dialling (security.md, N). */
export const CONDITIONS: Readonly<Record<string, Weather & { readonly share: number }>> = {
  '1 % loss': { loss: 0.01, share: 1 },
  '5 % loss': { loss: 0.05, share: 0.99 },
  '20 % loss': { loss: 0.2, share: 0.9 },
  'every packet twice': { duplication: 1, share: 1 },
  '50 +- 40 ms of delay, and the order that it brings': { delayMs: 50, jitterMs: 40, share: 0.9 },
};

export interface Attempt {
  readonly handshakeMs: number;
  /** From dialling to the last byte. */
  readonly doneMs: number;
  readonly whole: boolean;
}

/** Dials and carries `mib` MiB, from the gateway for even seeds, to it for odd ones. An attempt that fails or takes too long has `doneMs` infinite. */
export async function attempt(t: TestContext, weather: Weather, seed: number, mib: number): Promise<Attempt> {
  const { listener, dial, nextLink } = await listening(t);
  const proxy = await udpProxy(t, listener.at);
  proxy.weather(weather, seed);
  const began = performance.now();
  const signal = AbortSignal.any([t.signal, AbortSignal.timeout(GIVE_UP_MS)]);
  let handshakeMs = Number.POSITIVE_INFINITY;
  try {
    const agent = await dial({ to: proxy.at, signal });
    handshakeMs = performance.now() - began;
    const gateway = await nextLink();
    const [from, to] = seed % 2 === 0 ? [gateway, agent] : [agent, gateway];
    const whole = await carry(from, to, mib, signal);
    return { handshakeMs, doneMs: performance.now() - began, whole };
  } catch (error) {
    t.diagnostic(`seed ${seed}: ${String(error)}`);
    return { handshakeMs, doneMs: Number.POSITIVE_INFINITY, whole: true };
  } finally {
    await listener.close();
  }
}

async function carry(from: Link, to: Link, mib: number, signal: AbortSignal): Promise<boolean> {
  const chunk = randomBytes(MIB);
  const expected = createHash('sha256');
  for (let sent = 0; sent < mib; sent += 1) expected.update(chunk);
  const stream = await from.openStream(signal);
  const sending = pipeline(Readable.from(Array.from({ length: mib }, () => chunk)), stream, { end: true, signal });
  const incoming = await to.acceptStream(signal);
  const received = createHash('sha256');
  const receiving = pipeline(incoming, received, { signal });
  incoming.end();
  stream.resume();
  await Promise.all([sending, receiving]);
  return received.digest('hex') === expected.digest('hex');
}

/** One line for the table of docs/performance.md. */
export function summary(attempts: readonly Attempt[], withinMs: number): string {
  const done = attempts.filter(({ doneMs, whole }) => whole && doneMs <= withinMs).length;
  const of = (values: number[], share: number) => {
    const value = values.sort((one, other) => one - other)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? 0;
    return `${(value / 1000).toFixed(2)} s`;
  };
  const handshakes = attempts.map(({ handshakeMs }) => handshakeMs);
  const all = attempts.map(({ doneMs }) => doneMs);
  return `${done} of ${attempts.length} done within ${withinMs / 1000} s; handshake p50 ${of(handshakes, 0.5)}, worst ${of(handshakes, 1)}; done p50 ${of(all, 0.5)}, worst ${of(all, 1)}`;
}

const ENDS = ['answered', 'crossing', 'reset by the agent', 'reset by the gateway', 'stopped by the agent'] as const;

/**
 * Short streams of every way to end, beside a stream that is always busy: how many of `count` ends did not reach the other side within 8 s.
 */
export async function hangingEnds(t: TestContext, weather: Weather, seed: number, count: number): Promise<number> {
  const { listener, dial, nextLink } = await listening(t);
  const proxy = await udpProxy(t, listener.at);
  const [agent, gateway] = [await dial({ to: proxy.at }), await nextLink()];
  proxy.weather({ delayMs: 2, ...weather }, seed);
  const random = seededRandom(seed);
  const later = (work: () => void) => setTimeout(work, random() * 12);
  const accepting = (async () => {
    for (;;) void serveEnd(await agent.acceptStream(t.signal), later);
  })().catch(() => {}); // until the link ends
  const busy = await gateway.openStream(t.signal);
  const noise = setInterval(() => busy.write(randomBytes(1000)), 2);
  busy.resume();
  let [next, hanging] = [0, 0];
  const worker = async () => {
    while (next < count) {
      next += 1;
      if (!(await endOne(gateway, ENDS[next % ENDS.length] ?? 'answered', later, t.signal))) hanging += 1;
    }
  };
  await Promise.all(Array.from({ length: 20 }, worker));
  clearInterval(noise);
  await agent.close();
  await accepting;
  return hanging;
}

async function endOne(gateway: Link, how: (typeof ENDS)[number], later: (work: () => void) => void, signal: AbortSignal): Promise<boolean> {
  const stream = await gateway.openStream(signal);
  const over = new Promise<true>((resolve) => stream.once('close', () => resolve(true)));
  stream.on('error', () => {}).resume();
  stream.write(`${how}\n`);
  if (how === 'answered' || how === 'crossing') later(() => stream.end());
  if (how === 'reset by the gateway') later(() => stream.destroy(new StreamReset(3)));
  const writing = how === 'stopped by the agent' ? setInterval(() => stream.writable && stream.write('more'), 5) : undefined;
  const { promise: late, resolve } = Promise.withResolvers<false>();
  const timer = setTimeout(() => resolve(false), 8000);
  const ended = await Promise.race([over, late]);
  clearTimeout(timer);
  clearInterval(writing);
  stream.destroy();
  return ended;
}

async function serveEnd(stream: LinkStream, later: (work: () => void) => void): Promise<void> {
  stream.on('error', () => {});
  const [asked] = await Promise.race([
    new Promise<[string]>((resolve) => stream.once('data', (first: Buffer) => resolve([String(first).split('\n')[0] ?? '']))),
    new Promise<['']>((resolve) => stream.once('close', () => resolve(['']))),
  ]);
  stream.resume();
  if (asked === 'answered') {
    await buffer(stream).catch(() => {}); // reset by the end of the test
    stream.write('answer');
    later(() => stream.end());
  }
  if (asked === 'crossing') later(() => stream.end('crossing'));
  if (asked === 'reset by the agent') later(() => stream.destroy(new StreamReset(3)));
  if (asked === 'stopped by the agent') {
    stream.end('enough');
    stream.once('finish', () => later(() => stream.destroy(new StreamReset(4))));
  }
}
