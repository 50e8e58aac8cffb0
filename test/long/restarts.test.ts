// What takes long by nature: the same kill, again and again, and what is left of the links and sessions before. FULL=1 for the full counts.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import type { AgentRow } from '../../src/lib/api/agents.ts';
import { type Chain, connectTo, startChain } from '../support/chain.ts';
import { start } from '../support/cli.ts';
import { adminOf, enrolFleet } from '../support/fleet.ts';
import { liveSessions } from '../support/live-sessions.ts';
import { dial, pattern, startTarget } from '../support/tcp.ts';

const FULL = process.env['FULL'] === '1';
const ROUNDS = FULL ? 30 : 3;
const AGENTS = 8;
/** Idle time and backoff, from the new gateway's ready. */
const BACK_AFTER_KILL_MS = 15_000;
const BACK_AFTER_STOP_MS = 3000;
/** The dead link's idle time and the second that security.md allows. */
const DEAD_LINK_MS = 11_000;
const LOAD = 3;

for (const transport of ['quic', 'tls'] as const) {
  for (const [how, signal, withinMs] of [
    ['kill -9', 'SIGKILL', BACK_AFTER_KILL_MS],
    ['SIGTERM', 'SIGTERM', BACK_AFTER_STOP_MS],
  ] as const) {
    test(`${ROUNDS} times ${how} of the gateway, ${AGENTS} agents on ${transport} and transfers on one more: back in time, apart from each other, nothing stale`, async (t) => {
      const chain = await startChain(t);
      const fleet = await enrolFleet(t, chain, AGENTS);
      const target = await startTarget(t, sendForEver);
      const hello = await startTarget(t, (socket) => socket.end('here'));
      let { gateway } = chain;
      const [back, spreads, outages]: [number[], number[], number[]] = [[], [], []];
      for (let round = 0; round < ROUNDS; round++) {
        await fleet.start(transport);
        const { port, running } = await connectTo(t, chain, `127.0.0.1:${target}`, '--wait', '30s');
        const load = await Promise.all(Array.from({ length: LOAD }, () => receiving(t, port)));
        const killedAt = Date.now();
        gateway.child.kill(signal);
        if (signal === 'SIGTERM') for (const { socket } of load) socket.destroy(); // the gateway waits for what still runs
        await once(gateway.child, 'exit');
        if (signal === 'SIGKILL') assert.deepEqual(await Promise.all(load.map(({ cut }) => cut)), Array(LOAD).fill('reset'));
        gateway = start(t, ['gateway', 'start', '--data-dir', chain.gatewayFolder, '--wait', '10s']);
        await gateway.event('ready');
        const readyAt = Date.now();
        assert.equal(liveSessions(chain, killedAt), 0, 'a session of the gateway before is live');
        const linkedAt: number[] = [];
        for (const name of fleet.names) {
          const { links } = await until(t, chain, name, ({ state }) => state === 'online');
          assert.deepEqual(
            links.map(({ current }) => current),
            [true],
          );
          linkedAt.push(Date.parse(links[0]?.since ?? ''));
        }
        back.push(...linkedAt.map((at) => Math.max(0, at - readyAt)));
        outages.push(readyAt - killedAt);
        spreads.push(Math.max(...linkedAt) - Math.min(...linkedAt));
        await running.stop();
        const { port: again, running: next } = await connectTo(t, chain, `127.0.0.1:${hello}`, '--wait', '30s');
        assert.equal(await text(await dial(t, again)), 'here');
        await next.stop();
        await untilNoSession(t, chain);
        await fleet.stop();
      }
      for (const name of fleet.names) await until(t, chain, name, ({ links }) => links.length === 0);
      t.diagnostic(`linked after the gateway's ready: ${figures(back)}; first to last of ${AGENTS}: ${figures(spreads)}; no gateway for: ${figures(outages)}`);
      assert.ok(quantile(back, 0.95) <= withinMs, figures(back));
      assert.ok(quantile(spreads, 0.5) >= 100, `they came all at once: ${figures(spreads)}`);
    });
  }

  test(`${ROUNDS} times kill -9 of an agent on ${transport} under load: back in time, every transfer cut with a reset, nothing stale`, async (t) => {
    const chain = await startChain(t);
    await chain.agent.stop();
    const startAgent = () => start(t, ['agent', 'start', '--data-dir', chain.agentFolder, '--transport', transport]);
    const target = await startTarget(t, sendForEver);
    let agent = startAgent();
    await agent.event('ready');
    const { port, running } = await connectTo(t, chain, `127.0.0.1:${target}`);
    const back: number[] = [];
    const cut: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const load = await Promise.all(Array.from({ length: LOAD }, () => receiving(t, port)));
      const before = await adminOf(chain).getAgent('web1', t.signal);
      agent.child.kill('SIGKILL');
      const killed = performance.now();
      await once(agent.child, 'exit');
      agent = startAgent();
      await agent.event('ready');
      back.push(performance.now() - killed);
      const { links } = await until(t, chain, 'web1', ({ links }) => links.length === 1);
      assert.deepEqual(
        links.map(({ current }) => current),
        [true],
      );
      assert.notEqual(links[0]?.id, before.links[0]?.id);
      assert.deepEqual(await Promise.all(load.map(({ cut }) => cut)), Array(LOAD).fill('reset'));
      cut.push(performance.now() - killed);
    }
    assert.ok(liveSessions(chain) <= 1, 'more than one live session of one operator on one agent');
    await running.stop();
    await untilNoSession(t, chain);
    t.diagnostic(`online after the kill: ${figures(back)}; the old link and its transfers gone: ${figures(cut)}`);
    assert.ok(quantile(back, 0.95) <= BACK_AFTER_KILL_MS, figures(back));
    assert.ok(Math.max(...cut) <= DEAD_LINK_MS + 1000, figures(cut));
    assert.equal((await adminOf(chain).getAgent('web1', t.signal)).alarm, null);
  });
}

/** A connection that has begun to receive, and how it ends. */
async function receiving(t: TestContext, port: number): Promise<{ socket: Socket; cut: Promise<'end' | 'reset'> }> {
  const socket = await dial(t, port);
  const cut = new Promise<'end' | 'reset'>((resolve) => socket.once('end', () => resolve('end')).once('error', () => resolve('reset')));
  await once(socket, 'data');
  socket.resume();
  return { socket, cut };
}

function sendForEver(socket: Socket): void {
  const [block = Buffer.alloc(1)] = pattern(64 * 1024);
  const more = () => {
    while (!socket.destroyed && socket.write(block));
  };
  socket.on('drain', more);
  more();
}

/** Asks until the agent's row is so. */
async function until(t: TestContext, chain: Chain, name: string, holds: (row: AgentRow) => boolean): Promise<AgentRow> {
  const began = performance.now();
  for (;;) {
    const row = await adminOf(chain).getAgent(name, t.signal);
    if (holds(row)) return row;
    assert.ok(performance.now() - began < 60_000, `${name} after 60 s: ${JSON.stringify(row)}`);
  }
}

/** Within the 5 s that a session may outlive its operator (security.md, Faults). */
async function untilNoSession(t: TestContext, chain: Chain): Promise<void> {
  const began = performance.now();
  while (liveSessions(chain) > 0) {
    assert.ok(performance.now() - began < 5000, `${liveSessions(chain)} sessions are live after their operator has gone`);
    await adminOf(chain).status(t.signal);
  }
}

function figures(times: readonly number[]): string {
  return `p50 ${(quantile(times, 0.5) / 1000).toFixed(2)} s, p95 ${(quantile(times, 0.95) / 1000).toFixed(2)} s, worst ${(Math.max(...times) / 1000).toFixed(2)} s of ${times.length}`;
}

function quantile(values: readonly number[], share: number): number {
  return values.toSorted((one, other) => one - other)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? Number.NaN;
}
