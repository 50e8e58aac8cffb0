// kill -9 at every write of an enrolment, on either side: the identity before works or the same command finishes the job, and nothing is left over.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, cpSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from '../support/cli.ts';
import { assertEnrolledOnce, assertLinks, assertTidy, codeOf, configOf, enroll, pathsIn, startEnrolmentStand } from '../support/enrolment-stand.ts';
import { type Fault, faultPoints } from '../support/fault-points.ts';

const FULL = process.env['FULL'] === '1';
/** Beyond any enrolment: if it is reached, points are not what ends the loop. */
const MOST_POINTS = 200;

for (const replace of [false, true]) {
  test(`kill -9 of the gateway at every write, ${replace ? 'an identity that is replaced' : 'a new agent'}`, async (t) => {
    const points = faultPoints(join(temporaryFolder(t), 'faults'));
    const stand = await startEnrolmentStand(t, points.env);
    let killed = 0;
    for (let at = 1; ; at++) {
      assert.ok(at < MOST_POINTS);
      const [name, dataDir] = [`web${at}`, join(stand.folder, `ag${at}`)];
      if (replace) assert.equal((await enroll(await stand.mint(name), dataDir, { flags: ['--no-verify'] })).code, 0);
      const before = replace ? configOf(dataDir) : undefined;
      const string = await stand.mint(name, { replace });
      const exited = once(stand.gateway().child, 'exit');
      points.arm(at);
      const first = await enroll(string, dataDir, { flags: ['--no-verify'] });
      points.disarm();
      const seen = points.seen();
      if (seen.length < at) {
        t.diagnostic(`${killed} points, 0 broken states`);
        assert.ok(killed >= 10, `only ${killed}`);
        return;
      }
      const where = `point ${at}, ${seen.at(-1)}`;
      killed += 1;
      await exited;
      if (first.code !== 0) assert.equal(first.code, 6, `${where}: ${first.stdout}`);
      await stand.startAgain();
      const again = await enroll(string, dataDir);
      assert.equal(again.code, 0, `${where}: the same command again: ${again.stdout}${again.stderr}`);
      assertTidy(dataDir, where);
      await assertEnrolledOnce(stand, name, dataDir, t.signal);
      if (before) assert.equal(configOf(dataDir)['agent_id'], before['agent_id'], where);
    }
  });
}

for (const [fault, step] of [
  ['kill', 1],
  ['torn', 1],
  ['ENOSPC', FULL ? 1 : 5],
  ['EACCES', FULL ? 1 : 5],
] satisfies [Fault, number][]) {
  test(`${fault} of the agent at ${step === 1 ? 'every' : `one in ${step}`} of its writes`, async (t) => {
    const stand = await startEnrolmentStand(t);
    const template = join(stand.folder, 'template');
    assert.equal((await enroll(await stand.mint('before'), template, { flags: ['--no-verify'] })).code, 0);
    const beforeId = configOf(template)['agent_id'];
    const run = async (at: number) => {
      const [name, dataDir] = [`web${at}`, join(stand.folder, `ag${at}`)];
      cpSync(template, dataDir, { recursive: true });
      for (const folder of ['', String(configOf(template)['identity'])]) chmodSync(join(dataDir, folder), 0o700);
      const points = faultPoints(join(stand.folder, `faults${at}`));
      points.arm(at, fault);
      const string = await stand.mint(name);
      const first = await enroll(string, dataDir, { env: points.env, flags: ['--no-verify'] });
      return { name, dataDir, string, first, seen: points.seen() };
    };
    const all = (await run(0)).seen;
    const chosen = all.flatMap((name, index) => (index % step === 0 && (fault !== 'torn' || name === 'write') ? [index + 1] : []));
    for (const at of chosen) {
      const { name, dataDir, string, first, seen } = await run(at);
      const where = `point ${at}, ${seen[at - 1]}`;
      if (fault === 'kill' || fault === 'torn') assert.equal(first.code, null, `${where}: not killed`);
      else if (first.code !== 0) assert.deepEqual([first.code, codeOf(first)], [1, 'file.failed'], `${where}: ${first.stdout}`);
      const inForce = configOf(dataDir)['agent_id'];
      await assertLinks(dataDir);
      const again = await enroll(string, dataDir);
      assert.equal(again.code, 0, `${where}: the same command again: ${again.stdout}${again.stderr}, left were ${pathsIn(dataDir).join()}`);
      assertTidy(dataDir, where);
      await assertEnrolledOnce(stand, name, dataDir, t.signal);
      if (inForce !== beforeId) assert.equal(configOf(dataDir)['agent_id'], inForce, where);
    }
    t.diagnostic(`${chosen.length} points of ${all.length}, 0 broken states`);
    assert.ok(all.length >= 30 && chosen.length >= 5, all.join('\n'));
  });
}
