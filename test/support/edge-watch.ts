// The edge's process of a running chain, as its administrator sees it: which one it is, when another took its place, and how fast the API answers meanwhile.
import assert from 'node:assert/strict';
import { text } from 'node:stream/consumers';
import type { TestContext } from 'node:test';
import { apiClient } from '../../src/lib/api/client.ts';
import type { StatusAnswer } from '../../src/lib/api/contract.ts';
import { localExchange } from '../../src/lib/api/exchange-local.ts';
import { realWorld } from '../../src/lib/system/real-world.ts';
import { type Chain, connectTo } from './chain.ts';
import { succeed } from './cli.ts';
import { dial, startTarget } from './tcp.ts';

export type EdgeFacts = NonNullable<StatusAnswer['edge']>;

export interface Watched {
  /** The process that serves now. */
  readonly pid: number;
  readonly edge: EdgeFacts;
  /** From the first question to this answer. */
  readonly tookMs: number;
  /** The longest that one answer took. */
  readonly slowestMs: number;
}

/** Asks for the status again and again, until `condition` holds. */
export async function watchEdge(t: TestContext, { gatewayFolder }: Chain, condition: (status: StatusAnswer, edge: EdgeFacts) => boolean): Promise<Watched> {
  const client = apiClient(localExchange(`${gatewayFolder}/control.sock`, realWorld({ level: 'silent' })));
  const began = performance.now();
  for (let slowestMs = 0; ; ) {
    const asked = performance.now();
    const status = await client.status(t.signal);
    const now = performance.now();
    slowestMs = Math.max(slowestMs, now - asked);
    assert.ok(status.edge);
    const { edge } = status;
    if (edge.pid !== null && condition(status, edge)) return { pid: edge.pid, edge, tookMs: now - began, slowestMs };
  }
}

/** After `misbehave` another process serves on the same ports, the agent is back, a new connection works, and it is counted and audited with a reason that fits. */
export async function assertReplaced(t: TestContext, chain: Chain, misbehave: (pid: number) => void, reason: RegExp): Promise<Watched> {
  const before = await watchEdge(t, chain, ({ agents_online }) => agents_online === 1);
  misbehave(before.pid);
  const after = await watchEdge(
    t,
    chain,
    ({ agents_online }, { pid, restarts }) => restarts === before.edge.restarts + 1 && pid !== before.pid && agents_online === 1,
  );
  assert.match(after.edge.last_loss ?? '', reason);
  assert.throws(() => process.kill(before.pid, 0), { code: 'ESRCH' });

  const target = await startTarget(t, (socket) => socket.end('here'));
  const { port, running } = await connectTo(t, chain, `127.0.0.1:${target}`);
  assert.equal(await text(await dial(t, port)), 'here');
  await running.stop();
  const rows = await auditRows(chain);
  assert.match(String(rows.findLast(({ code }) => code === 'edge.lost')?.detail['reason']), reason);
  assert.equal(rows.filter(({ code }) => code === 'edge.restarted').length, after.edge.restarts);
  return after;
}

export async function auditRows(chain: Chain): Promise<{ code: string; detail: Record<string, unknown> }[]> {
  const { rows } = (await succeed(['audit', '--data-dir', chain.gatewayFolder, '--limit', '1000', '--json'])).json();
  return rows as { code: string; detail: Record<string, unknown> }[];
}
