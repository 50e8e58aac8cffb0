// What an agent repeats, and how often.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import type { AgentMessage, RouteAdvertise } from '../protocol/messages.ts';
import { keepHeard } from './heartbeat.ts';

const routes: RouteAdvertise = { kind: 'route-advertise', epoch: 3n, subnets: [], names: [] };

async function* none() {}

async function said(version: 1 | 2, current: () => RouteAdvertise | undefined, ms: number): Promise<[atMs: number, kind: string][]> {
  const clock = new ManualClock();
  const ending = new AbortController();
  const heard: [number, AgentMessage][] = [];
  const send = async (message: AgentMessage) => void heard.push([clock.monotonic(), message]);
  const link = { streams: 4 };
  const kept = keepHeard({ version, peer: undefined, messages: none(), send }, link, { clock }, current, ending.signal);
  await clock.advance(ms);
  ending.abort();
  await kept;
  assert.equal(clock.pending, 0);
  for (const [at, message] of heard) {
    if (message.kind === 'heartbeat') assert.deepEqual(message, { kind: 'heartbeat', sentAtMs: BigInt(Date.UTC(2026, 0, 1) + at), streams: 3 });
    else assert.equal(message, routes);
  }
  return heard.map(([at, message]) => [at, message.kind]);
}

test('version 1: heartbeat every 60 s, routes every 30 s, as the reference does', async () => {
  assert.deepEqual(await said(1, () => routes, 60_000), [
    [30_000, 'route-advertise'],
    [60_000, 'heartbeat'],
    [60_000, 'route-advertise'],
  ]);
});

test('version 1: nothing to repeat before the first advertisement', async () => {
  assert.deepEqual(await said(1, () => undefined, 60_000), [[60_000, 'heartbeat']]);
});

test('version 2: heartbeats alone', async () => {
  assert.deepEqual(await said(2, () => routes, 30_000), [
    [15_000, 'heartbeat'],
    [30_000, 'heartbeat'],
  ]);
});
