// The edge as a process that may be killed, freeze or grow at any time: the gateway replaces it and goes on.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { connectTo, startChain } from '../support/chain.ts';
import { start } from '../support/cli.ts';
import { assertReplaced, auditRows, watchEdge } from '../support/edge-watch.ts';
import { dial, readToEnd, startTarget } from '../support/tcp.ts';

test('killed in mid-transfer: the operator sees a reset, nothing is left open, and all is back by itself', async (t) => {
  const chain = await startChain(t);
  const target = await startTarget(t, (socket) => void socket.write('first'));
  const { port } = await connectTo(t, chain, `127.0.0.1:${target}`);
  const socket = await dial(t, port);
  const first = once(socket, 'data');
  const ending = readToEnd(socket);
  await first;
  const { tookMs, slowestMs } = await assertReplaced(t, chain, (pid) => process.kill(pid, 'SIGKILL'), /^it ended by itself: signal SIGKILL$/);
  assert.equal((await ending).end, 'reset');
  const again = await dial(t, port);
  assert.equal(String((await once(again, 'data'))[0]), 'first', 'the same `tunnel connect` goes on');
  again.resetAndDestroy(); // an end alone would leave it half open
  t.diagnostic(`agent online again after ${tookMs.toFixed()} ms, slowest answer ${slowestMs.toFixed()} ms`);
  await watchEdge(t, chain, ({ channels }) => channels === 0);
  const rows = await auditRows(chain);
  const lost = rows.findIndex(({ code }) => code === 'edge.lost');
  assert.deepEqual(rows[lost]?.detail['links'], 1);
  assert.deepEqual(rows[lost]?.detail['channels'], 1);
  const after = rows.map(({ code, detail }) => `${code} ${detail['reason']}`);
  for (const said of ['channel.ended edge-lost', 'session.ended agent-lost', 'link.closed the edge was lost: it ended by itself: signal SIGKILL'])
    assert.ok(after.includes(said), `${said} is not in\n${after.join('\n')}`);
});

test('frozen: replaced after five seconds, and the API answers throughout', async (t) => {
  const chain = await startChain(t);
  const { tookMs, slowestMs } = await assertReplaced(t, chain, (pid) => process.kill(pid, 'SIGSTOP'), /^it was silent for more than 5000 ms$/);
  t.diagnostic(`agent online again after ${tookMs.toFixed()} ms, slowest answer ${slowestMs.toFixed()} ms`);
  assert.ok(slowestMs < 1000, `an answer took ${slowestMs} ms`);
});

test('grown over its cap: replaced', async (t) => {
  const chain = await startChain(t, { gatewayEnv: { TUNNEL_TEST_HOOKS: 'edge-memory=400000000' } });
  const { tookMs } = await assertReplaced(t, chain, (pid) => process.kill(pid, 'SIGHUP'), /^it took \d+ bytes of memory, more than 400000000$/);
  t.diagnostic(`agent online again after ${tookMs.toFixed()} ms`);
});

test('its process knows no secret by its command line or environment, ends with control, and leaves its ports', async (t) => {
  const chain = await startChain(t, { gatewayEnv: { TUNNEL_GATEWAY_PROXY_LISTEN: '127.0.0.1:0', NODE_OPTIONS: '--no-deprecation' } });
  const { pid } = await watchEdge(t, chain, () => true);
  if (process.platform === 'linux') {
    const seen = ['cmdline', 'environ'].map((file) => readFileSync(`/proc/${pid}/${file}`, 'utf8')).join();
    assert.doesNotMatch(seen, /TUNNEL_|NODE_OPTIONS|PRIVATE KEY/);
  }
  process.kill(pid, 'SIGTERM');
  process.kill(pid, 'SIGINT');
  assert.equal((await watchEdge(t, chain, () => true)).pid, pid, 'signals to its whole group are the business of control');
  chain.gateway.child.kill('SIGKILL');
  const again = start(t, ['gateway', 'start', '--data-dir', chain.gatewayFolder]);
  const ready = await again.event('ready');
  assert.deepEqual([ready['tcp'], ready['udp'], ready['proxy']], [chain.ready['tcp'], chain.ready['udp'], chain.ready['proxy']]);
});
