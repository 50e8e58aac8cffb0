// The times that are stated, in full and by the real clock: a gateway that is away for ten minutes, and a session in which nothing is sent for fifteen.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { LIMITS } from '../../src/lib/base/limits.ts';
import { startChain } from '../support/chain.ts';
import { start } from '../support/cli.ts';
import { ending } from '../support/ending.ts';
import { startTarget } from '../support/tcp.ts';

/** Above what is stated: the report of activity and a busy machine. */
const LATE_MS = 20_000;

describe('by the real clock', { concurrency: true, timeout: LIMITS.sessionIdleMs + 120_000 }, () => {
  test('a gateway that does not come back: exit 6', async (t) => {
    const chain = await startChain(t);
    const target = await startTarget(t, (socket) => void socket.resume());
    const running = start(t, ['connect', `127.0.0.1:${target}`, '--config-dir', chain.operatorFolder]);
    await running.event('ready');
    chain.gateway.child.kill('SIGKILL');
    await once(chain.gateway.child, 'exit');
    const { code, exit, tookMs } = await ending(running);
    t.diagnostic(`${(tookMs / 1000).toFixed(1)} s after the kill`);
    assert.deepEqual([code, exit], ['outage.too-long', 6], running.stderr());
    assert.ok(tookMs > LIMITS.healAtMostMs - 1000 && tookMs < LIMITS.healAtMostMs + LATE_MS, `${tookMs} ms`);
  });

  test('a session in which nothing is sent: warned a minute before, exit 7', async (t) => {
    const chain = await startChain(t);
    const target = await startTarget(t, (socket) => void socket.resume());
    const running = start(t, ['connect', `127.0.0.1:${target}`, '--config-dir', chain.operatorFolder]);
    await running.event('ready');
    const began = performance.now();
    const { ends_in_ms } = await running.event('warning');
    const warnedMs = performance.now() - began;
    const { code, exit } = await ending(running);
    const tookMs = performance.now() - began;
    t.diagnostic(`warned after ${(warnedMs / 1000).toFixed(1)} s that ${String(ends_in_ms)} ms are left, ended after ${(tookMs / 1000).toFixed(1)} s`);
    assert.deepEqual([code, exit], ['session.idle', 7], running.stderr());
    assert.ok(Math.abs(warnedMs - (LIMITS.sessionIdleMs - LIMITS.idleWarningMs)) < LATE_MS, `${warnedMs} ms`);
    assert.ok(tookMs > LIMITS.sessionIdleMs - 1000 && tookMs < LIMITS.sessionIdleMs + LATE_MS, `${tookMs} ms`);
  });
});
