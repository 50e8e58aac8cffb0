// What a transport that crosses a network must do besides: versions agreed on or refused, a dead peer noticed, one huge write that costs no copies.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import type { Link } from '../../src/lib/transport/link.ts';
import { settledHeap } from '../support/heap.ts';

export interface Ends {
  readonly agent: Link;
  readonly gateway: Link;
}

export interface Liveness {
  readonly keepAliveMs: number;
  readonly deadLinkMs: number;
}

export interface Network {
  /** Rejects as a dial does; then there is no link at the gateway either. */
  negotiate(t: TestContext, offered: readonly string[], spoken: readonly string[]): Promise<Ends>;
  /** After `silence` nothing arrives any more, and nobody is told. */
  fragile(t: TestContext, liveness: Liveness): Promise<Ends & { silence(): void }>;
}

const [TWO, ONE] = ['gw-agent-tunnel/2', 'gw-agent-tunnel/1'];
const QUICK = { keepAliveMs: 60, deadLinkMs: 300 };
const NOTICED_WITHIN_MS = QUICK.deadLinkMs + 700;
const MIB = 1024 * 1024;
const HUGE_BYTES = 32 * MIB;

export function networkContract(name: string, { negotiate, fragile }: Network): void {
  for (const [offered, spoken, chosen] of [
    [[TWO, ONE], [TWO, ONE], TWO],
    [[TWO, ONE], [ONE], ONE],
    [[ONE], [TWO, ONE], ONE],
  ] as const) {
    test(`${name}: an agent that offers ${offered} and a gateway of ${spoken} speak ${chosen}`, async (t) => {
      const { agent, gateway } = await negotiate(t, offered, spoken);
      assert.deepEqual([agent.alpn, gateway.alpn], [chosen, chosen]);
      (await agent.openStream(t.signal)).end('x');
      (await gateway.acceptStream(t.signal)).resume().end();
    });
  }

  test(`${name}: with no version in common there is no link, and the agent knows why`, async (t) => {
    await assert.rejects(negotiate(t, ['gw-agent-tunnel/9'], [TWO, ONE]), { code: 'protocol.unsupported', hint: 'Update the older side.' });
  });

  test(`${name}: a dead peer is noticed by both sides within the time, at rest and in mid-transfer`, async (t) => {
    for (const busy of [false, true]) {
      const { agent, gateway, silence } = await fragile(t, QUICK);
      const ours = await gateway.openStream(t.signal);
      ours.write('!');
      const theirs = await agent.acceptStream(t.signal);
      const lost = Promise.all([ours, theirs].map(async (stream) => (await once(stream, 'error'))[0].code));
      theirs.resume();
      if (busy) {
        const more = () => void (ours.destroyed || ours.write(Buffer.alloc(64 * 1024), more));
        more();
        while (gateway.lastReceived() === agent.lastReceived()) await once(theirs, 'data');
      }
      const since = performance.now();
      silence();
      for (const end of await Promise.all([agent.closed, gateway.closed])) assert.equal(end.by, 'silence');
      const took = Math.round(performance.now() - since);
      t.diagnostic(`${busy ? 'busy' : 'at rest'}: noticed after ${took} ms`);
      assert.ok(took <= NOTICED_WITHIN_MS, `${took} ms`);
      assert.deepEqual(await lost, ['link.lost', 'link.lost']);
      assert.deepEqual([agent.streams, gateway.streams], [0, 0]);
      await assert.rejects(gateway.openStream(t.signal), { code: 'link.lost' });
    }
  });

  test(`${name}: one write of 32 MiB arrives whole, and is not copied while nobody reads`, async (t) => {
    const { agent, gateway } = await fragile(t, { keepAliveMs: 3000, deadLinkMs: 10_000 });
    const ours = await gateway.openStream(t.signal);
    ours.write('!');
    const theirs = await agent.acceptStream(t.signal);
    const huge = randomBytes(HUGE_BYTES);
    const before = settledHeap();
    const heard = agent.lastReceived();
    ours.end(huge);
    while (agent.lastReceived() === heard) await new Promise((resolve) => setImmediate(resolve));
    const grown = settledHeap() - before;
    t.diagnostic(`${Math.round(grown / 1024)} KiB more`);
    assert.ok(grown < 4 * MIB, `${grown} bytes`);
    const hash = createHash('sha256');
    for await (const piece of theirs.iterator({ destroyOnReturn: false })) hash.update(piece);
    theirs.end();
    assert.equal(hash.digest('hex'), createHash('sha256').update('!').update(huge).digest('hex'));
  });
}
