// The thread of the store: questions end when it ends.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { realWorld } from '../system/real-world.ts';
import { WorkerThread } from './worker-thread.ts';

async function startThread(t: TestContext): Promise<WorkerThread> {
  const folder = await mkdtemp(join(tmpdir(), 'tunnel-store-'));
  t.after(() => rm(folder, { recursive: true }));
  return WorkerThread.start(join(folder, 'gateway.db'), 1000);
}

const question = { kind: 'run', sql: 'select 1 as one', parameters: [], waitMs: 0 } as const;

test('a question that the worker no longer hears is rejected, and every later one', async (t) => {
  const thread = await startThread(t);
  assert.deepEqual((await thread.ask(question)).rows, [{ one: 1 }]);
  const closing = thread.close(realWorld({ level: 'silent' }).clock, 5000);
  await assert.rejects(thread.ask(question), { code: 'internal' });
  await closing;
  await assert.rejects(thread.ask(question), { code: 'internal' });
});

test('a worker that is stuck in the disk holds up nobody for longer than the deadline', async (t) => {
  const thread = await startThread(t);
  const clock = new ManualClock();
  const sql = 'with recursive n (i) as (select 1 union all select i + 1 from n where i < 2000000) select count(*) as many from n';
  const stuck = assert.rejects(thread.ask({ ...question, sql }), { code: 'internal' });
  const closing = thread.close(clock, 1000);
  await clock.advance(1000);
  await closing;
  await stuck;
});
