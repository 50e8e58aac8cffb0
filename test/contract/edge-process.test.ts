// Channels from an operator through the edge in its own process to an agent, over each transport, held to the laws of streams; and what ends with whom.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { after, describe, type TestContext, test } from 'node:test';
import { startEdgeProcess } from '../support/edge-process-stand.ts';
import { closed, streamContract } from './stream-contract.ts';

// A reader that never read has earned no larger window, on neither link.
const STOPPED_READER_BYTES = 2 * 1024 * 1024;
const CHANNELS = 20;
const FEW = 8;

const stand = await startEdgeProcess();
describe("across the edge's process", () => {
  after(() => stand[Symbol.asyncDispose]());

  for (const transport of ['quic', 'tls'] as const) {
    const it = (what: string, check: (t: TestContext) => Promise<void>) => test(`${transport}: ${what}`, { timeout: 60_000 }, check);

    // Only operators open channels.
    streamContract(transport, async (t) => {
      const { open, none } = await stand.ends(t, { transport });
      return {
        async open(side) {
          const [operator, agent] = await open(t.signal);
          return side === 'gateway' ? [operator, agent] : [agent, operator];
        },
        none,
        stoppedReaderBytes: STOPPED_READER_BYTES,
      };
    });

    it('an operator that goes resets its channels at the agent, and nothing else', async (t) => {
      const { agent, operator, open, none } = await stand.ends(t, { transport });
      const channels = await Promise.all(Array.from({ length: CHANNELS }, () => open(t.signal)));
      const detached = stand.control.detached.length;
      const over = Promise.all(channels.map(([, far]) => once(far, 'error')));
      await operator.close();
      await over;
      await none();
      await stand.control.until(() => stand.control.detached.length > detached);
      assert.equal(agent.streams, 1, 'its control stream');
    });

    it('an agent that goes resets its channels at the operator, and nothing else', async (t) => {
      const { agent, operator, open, none } = await stand.ends(t, { transport });
      const channels = await Promise.all(Array.from({ length: CHANNELS }, () => open(t.signal)));
      const unlinked = stand.control.unlinked.length;
      const over = Promise.all(channels.map(([near]) => once(near, 'error')));
      await agent.close();
      await over;
      await none();
      await stand.control.until(() => stand.control.unlinked.length > unlinked);
      assert.equal(operator.streams, 0);
      await assert.rejects(open(t.signal), { code: 'agent.offline' });
    });
  }

  test("an agent's limit of streams is waited for", { timeout: 60_000 }, async (t) => {
    const { open, none } = await stand.ends(t, { transport: 'tls', streams: FEW });
    const channels = await Promise.all(Array.from({ length: FEW }, () => open(t.signal)));
    let given = false;
    const asked = stand.control.asked.length;
    const late = open(t.signal);
    void late.then(() => (given = true));
    await stand.control.until(() => stand.control.asked.length > asked);
    const [first] = channels;
    assert.ok(first);
    const [, second] = channels;
    assert.ok(second);
    const [asker, answerer] = second;
    answerer.pipe(answerer);
    for (let turn = 0; turn < 50; turn += 1) {
      asker.write('x');
      await once(asker, 'data');
    }
    assert.equal(given, false);
    const over = Promise.all(first.map(closed));
    for (const end of first) end.resume().end();
    await over;
    const [near, far] = await late;
    near.end('late');
    assert.equal(await text(far), 'late');
    far.end();
    for (const end of channels.flat()) end.destroy();
    near.resume();
    await none();
  });
});
