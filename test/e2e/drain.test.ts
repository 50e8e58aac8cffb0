// What an administrator does before a stop, and what two machines with one identity come to, with the real commands.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { connectTo, startChain } from '../support/chain.ts';
import { start, succeed, tunnel } from '../support/cli.ts';
import { echoClient, startTarget } from '../support/tcp.ts';

test('gateway drain: nothing new begins, what runs ends by itself, and a stop is quick then', async (t) => {
  const chain = await startChain(t);
  const target = await startTarget(t, (socket) => void socket.pipe(socket));
  const { port } = await connectTo(t, chain, `127.0.0.1:${target}`);
  const { echo, socket } = await echoClient(t, port);
  await echo('before');

  const draining = tunnel(['gateway', 'drain', '--data-dir', chain.gatewayFolder, '--wait', '60s', '--json']);
  const state = async () => (await succeed(['gateway', 'status', '--data-dir', chain.gatewayFolder, '--json'])).json()['state'];
  while ((await state()) !== 'draining');
  const refused = await tunnel(['connect', `127.0.0.1:${target}`, '--config-dir', chain.operatorFolder, '--json']);
  assert.equal(refused.code, 6);
  assert.equal((refused.json()['error'] as { code: string }).code, 'gateway.stopping');
  await echo('meanwhile');
  socket.end();
  const drained = await draining;
  assert.deepEqual([drained.code, drained.json()['state'], drained.json()['channels']], [0, 'draining', 0]);

  const begun = performance.now();
  assert.equal(await chain.gateway.stop(), 0);
  assert.ok(performance.now() - begun < 3000, 'the stop waited');
});

test('two machines with one identity raise an alarm, and one of them keeps serving', async (t) => {
  const chain = await startChain(t);
  const copy = join(chain.folder, 'copy');
  await cp(chain.agentFolder, copy, { recursive: true, filter: (path) => !/agent\.(lock|sock)/.test(path) });
  start(t, ['agent', 'start', '--data-dir', copy]);
  const show = async () => (await succeed(['agent', 'show', 'web1', '--data-dir', chain.gatewayFolder, '--json'])).json();
  while ((await show())['alarm'] !== 'flapping');
  const { links, state } = await show();
  assert.equal(state, 'online');
  const target = await startTarget(t, (socket) => void socket.pipe(socket));
  const { port } = await connectTo(t, chain, `127.0.0.1:${target}`);
  const { echo, socket } = await echoClient(t, port);
  await echo('works');
  socket.end();
  await once(socket, 'close');
  const text = (await succeed(['agent', 'show', 'web1', '--data-dir', chain.gatewayFolder])).stdout;
  assert.match(text, /quic.* from 127\.0\.0\.1:\d+ since/);
  const current = (list: unknown) => (list as { id: string; current: boolean }[]).filter((link) => link.current).map(({ id }) => id);
  assert.deepEqual(current((await show())['links']), current(links), 'it was replaced again');
});
