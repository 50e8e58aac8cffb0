// A peer that vanishes without a word, on either side of the edge's process: what hung on it is over everywhere within the time that a dead link takes to be noticed.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, describe, type TestContext, test } from 'node:test';
import { LIMITS } from '../../src/lib/base/limits.ts';
import { type Ends, startEdgeProcess } from '../support/edge-process-stand.ts';
import { tcpRelay } from '../support/tcp-relay.ts';
import { udpProxy } from '../support/udp-proxy.ts';

const NOTICED_WITHIN_MS = LIMITS.deadLinkV2Ms + 2000;

const stand = await startEdgeProcess();

// All at once: each waits, and does nothing else.
describe("a dead peer across the edge's process is noticed", { concurrency: true }, () => {
  after(() => stand[Symbol.asyncDispose]());

  test('an agent over QUIC', async (t) => {
    const path = await udpProxy(t, stand.udp);
    const ends = await stand.ends(t, { transport: 'quic', at: path.at });
    await assertNoticed(t, ends, () => {
      path.pass = () => false;
    });
    assert.equal(ends.operator.streams, 0);
  });

  test('an agent over TLS', async (t) => {
    const path = await tcpRelay(t, stand.agentsTcp);
    const ends = await stand.ends(t, { transport: 'tls', at: path.at });
    await assertNoticed(t, ends, () => path.silence());
    assert.equal(ends.operator.streams, 0);
  });

  test('an operator', async (t) => {
    const path = await tcpRelay(t, stand.operatorsTcp);
    const ends = await stand.ends(t, { transport: 'quic' }, path.at);
    await assertNoticed(t, ends, () => path.silence());
    assert.equal(ends.agent.streams, 1, 'its control stream');
  });
});

/** Both ends of a channel fail, also of one where nobody says anything, and control hears of it. */
async function assertNoticed(t: TestContext, { open, none }: Ends, silence: () => void): Promise<void> {
  const [busy, resting] = await Promise.all([open(t.signal), open(t.signal)]);
  const failed = Promise.all([...busy, ...resting].map((end) => once(end, 'error')));
  const silentAt = performance.now();
  silence();
  busy[0].write('is anybody there?');
  await failed;
  await none();
  const tookMs = performance.now() - silentAt;
  t.diagnostic(`noticed after ${tookMs.toFixed()} ms`);
  assert.ok(tookMs < NOTICED_WITHIN_MS, `it took ${tookMs} ms`);
}
