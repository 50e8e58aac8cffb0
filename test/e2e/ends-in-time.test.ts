// What cannot go on ends in the time that is stated, with real processes: the shortest session that configuration allows, and the ten minutes of an outage on a clock that runs faster.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { LIMITS } from '../../src/lib/base/limits.ts';
import { startChain } from '../support/chain.ts';
import { start, succeed } from '../support/cli.ts';
import { ending } from '../support/ending.ts';
import { dial, echoClient, readToEnd, startTarget } from '../support/tcp.ts';

const FAST_CLOCK = new URL('../support/fast-clock.ts', import.meta.url).pathname;
const TIMES = 60;

test('longest_session of 3s: warned, cut though bytes flow, exit 1 with the reason', async (t) => {
  const chain = await startChain(t);
  const path = join(chain.gatewayFolder, 'gateway.json');
  writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), longest_session: '3s' }), { mode: 0o600 });
  await succeed(['gateway', 'reload', '--data-dir', chain.gatewayFolder]);
  const target = await startTarget(t, (socket) => void socket.pipe(socket));
  const running = start(t, ['connect', `127.0.0.1:${target}`, '--config-dir', chain.operatorFolder]);
  const { listen } = await running.event('ready');
  const began = performance.now();
  const { echo, socket } = await echoClient(t, Number(String(listen).split(':').at(-1)));
  await echo('it works');
  const ended = ending(running);
  assert.equal((await readToEnd(socket)).end, 'reset');
  const { code, exit } = await ended;
  const tookMs = performance.now() - began;
  t.diagnostic(`${(tookMs / 1000).toFixed(1)} s after its first line`);
  assert.deepEqual([code, exit], ['session.closed', 1]);
  assert.ok(tookMs > 2000 && tookMs < 6000, `${tookMs} ms`);
});

test(`a gateway that does not come back: exit 6 after ${LIMITS.healAtMostMs / 60_000} minutes of its clock, ${TIMES} times as fast`, async (t) => {
  const chain = await startChain(t);
  const target = await startTarget(t, (socket) => void socket.resume());
  const env = { NODE_OPTIONS: `--import ${FAST_CLOCK}`, FAST_CLOCK: String(TIMES) };
  const running = start(t, ['connect', `127.0.0.1:${target}`, '--config-dir', chain.operatorFolder], { env });
  const { listen } = await running.event('ready');
  running.child.kill('SIGUSR2');
  chain.gateway.child.kill('SIGKILL');
  await once(chain.gateway.child, 'exit');
  const { code, exit, tookMs } = await ending(running);
  assert.deepEqual([code, exit], ['outage.too-long', 6], running.stderr());
  const minutes = (tookMs * TIMES) / 60_000;
  t.diagnostic(`after ${minutes.toFixed(2)} minutes`);
  assert.ok(minutes > 9.9 && minutes < 12, `${minutes} minutes`);
  await assert.rejects(dial(t, Number(String(listen).split(':').at(-1))), { code: 'ECONNREFUSED' });
});
