// Another process holds the write lock of the store: an enrolment waits, for a bounded time, and control goes on with everything else.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { LIMITS } from '../../src/lib/base/limits.ts';
import { temporaryFolder } from '../support/cli.ts';
import { countEnrolments } from '../support/enrolment-counts.ts';
import { assertTidy, codeOf, enroll, pathsIn, startEnrolmentStand } from '../support/enrolment-stand.ts';
import { lateSince, loopWatch, startIdle } from '../support/loop-watch.ts';

const LATE_MS = 100;
/** Less than a call of the store may take. */
const SHORT_MS = 2000;
/** What an enrolment takes besides waiting, on a machine with other things to do. */
const SLACK_MS = 5000;

/** Another process in the middle of a long write; released by calling what it gives. */
async function holdStore(t: TestContext, gatewayFolder: string): Promise<() => Promise<void>> {
  const program = `
    const database = new (require('node:sqlite').DatabaseSync)(${JSON.stringify(join(gatewayFolder, 'gateway.db'))});
    database.exec("pragma busy_timeout = 5000; begin immediate; update settings set value = value");
    console.log('held');
    process.stdin.once('data', () => { database.exec('rollback'); database.close(); process.exit(); });`;
  const holder = spawn(process.execPath, ['-e', program], { stdio: ['pipe', 'pipe', 'inherit'] });
  t.after(() => holder.kill('SIGKILL'));
  await once(holder.stdout, 'data');
  return async () => {
    const exited = once(holder, 'exit');
    holder.stdin.end('go');
    await exited;
  };
}

test('held for a while: the enrolment waits and succeeds; held for longer: exit 9, nothing is spent, and the same command finishes', async (t) => {
  const watched = temporaryFolder(t);
  const stand = await startEnrolmentStand(t, loopWatch(watched));
  const [one, two] = [join(stand.folder, 'one'), join(stand.folder, 'two')];
  const strings = [await stand.mint('web1'), await stand.mint('web2')] as const;
  // From before the first enrolment: what that needs was loaded before the gateway was ready.
  await pause(SHORT_MS);
  const late = lateSince(watched, stand.gateway().child.pid ?? 0);
  const idle = lateSince(watched, startIdle(t, watched));

  const releaseSoon = await holdStore(t, stand.gatewayFolder);
  const waiting = enroll(strings[0], one, { flags: ['--no-verify'] });
  await pause(SHORT_MS);
  assert.equal(countEnrolments(stand.gatewayFolder).agents, 0);
  await releaseSoon();
  assert.equal((await waiting).code, 0);

  const release = await holdStore(t, stand.gatewayFolder);
  const began = performance.now();
  const refused = enroll(strings[1], two, { flags: ['--no-verify'] });
  const health = await stand.admin.ca(t.signal);
  assert.match(health, /BEGIN CERTIFICATE/);
  const finished = await refused;
  const tookMs = performance.now() - began;
  assert.deepEqual([codeOf(finished), finished.code], ['store.busy', 9], finished.stdout);
  assert.match(finished.stdout, /the gateway is too busy .* the same command again/);
  assert.ok(!finished.stdout.includes(stand.gatewayFolder), 'a path of the gateway was told');
  assert.ok(tookMs < LIMITS.storeCallMs + SLACK_MS, `it took ${tookMs} ms`);
  assert.ok(pathsIn(two).includes(join('identity-1', 'key.pem')), 'the key that may ask again is kept');
  await release();
  assert.equal((await enroll(strings[1], two)).code, 0, 'the same command again');
  for (const folder of [one, two]) assertTidy(folder);

  const [lateMs, idleMs] = [late(), idle()];
  t.diagnostic(`refused after ${Math.round(tookMs)} ms; control was late by ${lateMs} ms at the most, an idle process by ${idleMs}`);
  assert.ok(lateMs - idleMs < LATE_MS, `control was late by ${lateMs} ms, an idle process by ${idleMs}`);
  await stand.gateway().stop();
  const { agents, certificates, uses, enrolled, refused: rows } = countEnrolments(stand.gatewayFolder);
  assert.deepEqual({ agents, certificates, uses, enrolled, rows }, { agents: 2, certificates: 2, uses: 2, enrolled: 2, rows: 1 });
});
