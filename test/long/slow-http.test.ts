// Clients that take their time, two hundred at once of each kind: 408, bounded memory, and whoever is quick is served meanwhile (security.md, N).
import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { startChain } from '../support/chain.ts';
import { post, type Speak, speak } from '../support/http-by-hand.ts';
import { growthDuring } from '../support/memory-watch.ts';

const MIB = 1024 * 1024;
const AT_ONCE = 200;
const GROWTH_BYTES = 50 * MIB;
const QUICK_MS = 1000;
const DRIP_MS = 500;

/** Sends `first`, then `drop` for ever. */
const dripping =
  (first: string, drop: string): Speak =>
  (socket: Socket) => {
    socket.write(first);
    const timer = setInterval(() => socket.writable && socket.write(drop), DRIP_MS);
    socket.once('close', () => clearInterval(timer));
  };

const KINDS: Record<string, readonly [speak: Speak, withinMs: number]> = {
  'headers, one every half second': [dripping('GET /livez HTTP/1.1\r\nHost: a\r\n', 'x: y\r\n'), 15_000],
  'no more than the first line': [dripping('GET /livez HTTP/1.1\r\n', ''), 15_000],
  'a body, a byte every half second': [dripping(post('/jet/tunnel/enroll', { 'content-length': 60_000 }, '{'), ' '), 40_000],
  'chunks of a byte': [dripping(post('/jet/tunnel/enroll', { 'transfer-encoding': 'chunked' }, '1\r\n{\r\n'), '1\r\n \r\n'), 40_000],
};

test(`${AT_ONCE} slow clients of each of ${Object.keys(KINDS).length} kinds`, async (t: TestContext) => {
  const chain = await startChain(t);
  const port = Number(new URL(String(chain.ready['url'])).port);
  const pid = chain.gateway.child.pid ?? 0;
  let waiting = true;
  let slowest = 0;
  const quick = async () => {
    while (waiting) {
      const { status, tookMs } = await speak(port, 'GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
      assert.equal(status, 200);
      slowest = Math.max(slowest, tookMs);
    }
  };
  const refused: Promise<void>[] = [];
  /** Resolves when it is connected: a thousand handshakes at once are another test's business. */
  const begin = ([say, withinMs]: readonly [Speak, number]) =>
    new Promise<void>((connected) => {
      const said = speak(port, (socket) => {
        say(socket);
        connected();
      });
      refused.push(
        said.then(({ status, text, tookMs }) => {
          assert.equal(status, 408, text);
          assert.ok(tookMs < withinMs, `${tookMs} ms`);
        }),
      );
    });
  const grown = await growthDuring(pid, async () => {
    const served = quick();
    for (let count = 0; count < AT_ONCE; count += 1) await Promise.all(Object.values(KINDS).map(begin));
    await Promise.all(refused).finally(() => {
      waiting = false;
    });
    await served;
  });
  t.diagnostic(`grown by ${(grown / MIB).toFixed(1)} MiB; the slowest of the quick took ${Math.round(slowest)} ms`);
  assert.ok(grown < GROWTH_BYTES * Object.keys(KINDS).length, `${grown}`);
  assert.ok(slowest < QUICK_MS, `${slowest} ms`);
  assert.doesNotMatch(chain.gateway.stderr(), /uncaught|unhandled/i);
});
