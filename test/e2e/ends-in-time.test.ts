// What cannot heal ends in the time that is stated, with real processes: the ten minutes of an outage, on a clock that runs faster (test/long has them in full).
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { LIMITS } from '../../src/lib/base/limits.ts';
import { startChain } from '../support/chain.ts';
import { start } from '../support/cli.ts';
import { ending } from '../support/ending.ts';
import { dial, startTarget } from '../support/tcp.ts';

const FAST_CLOCK = new URL('../support/fast-clock.ts', import.meta.url).pathname;
const TIMES = 60;

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
