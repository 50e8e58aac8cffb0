// The agent's own audit log and its two modes, by the real commands: what the gateway knows of a session, the agent has written down too, and its link stays.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { connectTo, startChain } from '../support/chain.ts';
import { start, succeed } from '../support/cli.ts';
import { dial, startTarget } from '../support/tcp.ts';

interface Row {
  readonly code: string;
  readonly actor: string;
  readonly subject: string;
  readonly detail: Record<string, unknown>;
}

test('connect, transfer, disconnect: the same codes on both sides, and an agent that is a tunnel meanwhile', async (t) => {
  const chain = await startChain(t);
  const target = await startTarget(t, (socket) => void socket.pipe(socket));
  const status = async () => (await succeed(['agent', 'status', '--data-dir', chain.agentFolder, '--json'])).json();
  const shown = async () => (await succeed(['agent', 'show', 'web1', '--data-dir', chain.gatewayFolder, '--json'])).json();
  const idle = await status();
  assert.deepEqual([idle['mode'], idle['sessions'], (await shown())['mode']], ['idle', 0, 'idle']);

  const watch = start(t, ['session', 'watch', '--data-dir', chain.gatewayFolder]);
  const { port, running } = await connectTo(t, chain, `127.0.0.1:${target}`);
  const client = await dial(t, port);
  client.write('hello');
  await once(client, 'data');
  const tunnel = await status();
  assert.deepEqual([tunnel['mode'], tunnel['sessions'], (await shown())['mode']], ['tunnel', 1, 'tunnel']);
  client.end();
  await once(client, 'close');
  await running.stop('SIGINT');
  for (let seen = await watch.event('session'); seen['change'] !== 'ended'; seen = await watch.event('session')) {}
  const after = await status();
  assert.deepEqual([after['mode'], after['sessions'], after['since']], ['idle', 0, idle['since']]); // the same link

  await chain.agent.stop();
  const file = join(chain.agentFolder, 'audit.jsonl');
  assert.equal(statSync(file).mode & 0o777, 0o600);
  const lines = readFileSync(file, 'utf8').trim().split('\n');
  const rows = lines.map((line) => JSON.parse(line) as Row);
  const codes = rows.map(({ code }) => code);
  assert.deepEqual(codes, [
    ...['agent.started', 'link.opened', 'session.opened', 'channel.opened', 'channel.ended', 'session.ended', 'link.closed', 'agent.stopped'],
  ]);
  const ended = rows.find(({ code }) => code === 'session.ended');
  assert.deepEqual([ended?.actor, ended?.subject, ended?.detail['reason']], ['gateway', 'operator:alice', 'operator-closed']);
  const channel = rows.find(({ code }) => code === 'channel.ended');
  assert.deepEqual([channel?.actor, channel?.subject], ['operator:alice', `target:127.0.0.1:${target}`]);
  assert.deepEqual([channel?.detail['bytes_up'], channel?.detail['bytes_down']], [5, 5]);

  const gateway = (await succeed(['audit', '--data-dir', chain.gatewayFolder, '--limit', '1000', '--json'])).json()['rows'] as Row[];
  const there = (code: string) => gateway.find((row) => row.code === code)?.detail;
  assert.equal(there('session.ended')?.['session_id'], ended?.detail['session_id']);
  assert.equal(there('session.ended')?.['reason'], ended?.detail['reason']);
  assert.equal(there('channel.ended')?.['channel_id'], channel?.detail['channel_id']);
});
