// kill -9 of the gateway at every write of a login: the same command finishes the job, and the string made one login, however it went.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { auditRows } from '../support/audit-rows.ts';
import { succeed, temporaryFolder, tunnel } from '../support/cli.ts';
import { startEnrolmentStand } from '../support/enrolment-stand.ts';
import { faultPoints } from '../support/fault-points.ts';

/** Beyond any login: if it is reached, points are not what ends the loop. */
const MOST_POINTS = 100;

test('kill -9 of the gateway at every write of a login', { skip: process.platform === 'win32' && 'SIGKILL' }, async (t) => {
  const points = faultPoints(join(temporaryFolder(t), 'faults'));
  const stand = await startEnrolmentStand(t, points.env);
  let killed = 0;
  for (let at = 1; ; at++) {
    assert.ok(at < MOST_POINTS);
    const [name, configDir] = [`alice${at}`, join(stand.folder, `op${at}`)];
    const string = (await stand.admin.mintToken({ kind: 'operator', name, expires_ms: 3_600_000, replace: false }, t.signal)).token;
    const login = () => tunnel(['login', '--token-file', '-', '--config-dir', configDir, '--json'], { input: string });
    const exited = once(stand.gateway().child, 'exit');
    points.arm(at);
    const first = await login();
    points.disarm();
    const seen = points.seen();
    if (seen.length < at) {
      assert.equal(first.code, 0);
      t.diagnostic(`${killed} points, 0 broken states`);
      assert.ok(killed >= 8, `only ${killed}`);
      return;
    }
    const where = `point ${at}, ${seen.at(-1)}`;
    killed += 1;
    await exited;
    await stand.startAgain();
    const again = await login();
    assert.equal(again.code, 0, `${where}: the same command again: ${again.stdout}${again.stderr}`);
    assert.deepEqual(readdirSync(configDir).sort(), ['login.json', 'login.lock'], where);
    assert.equal((await succeed(['whoami', '--config-dir', configDir, '--json'])).json()['operator'], name);
    const made = (await auditRows(stand.gatewayFolder)).filter(({ code, subject }) => code === 'operator.logged-in' && subject === `operator:${name}`);
    assert.equal(made.length, 1, where);
  }
});
