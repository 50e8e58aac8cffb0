// kill -9 at every write of a renewal, on either side: the identity before works or the same command finishes the job, and nothing is left over.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { BACKDATED_MS } from '../../src/lib/pki/authority.ts';
import { renewalPace } from '../../src/lib/pki/renewal-pace.ts';
import { realWorld } from '../../src/lib/system/real-world.ts';
import { type Finished, start, temporaryFolder, tunnel } from '../support/cli.ts';
import { assertEnrolledOnce, assertLinks, assertTidy, codeOf, configOf, type EnrolmentStand, enroll, startEnrolmentStand } from '../support/enrolment-stand.ts';
import { type Fault, faultPoints } from '../support/fault-points.ts';
import { type IdentityOnDisk, identityOnDisk } from '../support/identity-on-disk.ts';

const { clock } = realWorld({ level: 'silent' });
const FULL = process.env['FULL'] === '1';
/** Beyond any renewal: if it is reached, points are not what ends the loop. */
const MOST_POINTS = 200;
/** The gateway renews a certificate of this life again after two seconds, one of 90 days after ten. */
const LIFE = { TUNNEL_GATEWAY_AGENT_CERT_LIFETIME: '40s' };

/** `agent renew`, again while the gateway says that it was a moment ago. */
async function renew(dataDir: string, { env = {}, flags = [] }: { env?: NodeJS.ProcessEnv; flags?: readonly string[] } = {}): Promise<Finished> {
  for (;;) {
    const finished = await tunnel(['agent', 'renew', '--data-dir', dataDir, '--json', ...flags], { env });
    if (finished.code !== 9) return finished;
  }
}

/** The gateway takes no request of a certificate that it has just made: a refusal is not what is tested. */
async function oldEnough(dataDir: string): Promise<void> {
  const validity = identityOnDisk(dataDir);
  const at = validity.notBefore + BACKDATED_MS + renewalPace(validity).leastBetweenMs;
  await clock.sleep(Math.max(0, at - clock.now()));
}

async function enrolled(stand: EnrolmentStand, name: string): Promise<string> {
  const dataDir = join(stand.folder, name);
  const finished = await enroll(await stand.mint(name), dataDir, { flags: ['--no-verify'] });
  assert.equal(finished.code, 0, finished.stdout);
  return dataDir;
}

/** What must be true after a fault: one of the two identities is whole and links, and the same command finishes. */
async function assertSound(t: TestContext, stand: EnrolmentStand, name: string, dataDir: string, where: string, flags: readonly string[]): Promise<void> {
  const left = identityOnDisk(dataDir);
  await assertLinks(dataDir);
  const again = await renew(dataDir, { flags });
  assert.equal(again.code, 0, `${where}: the same command again: ${again.stdout}${again.stderr}`);
  assertTidy(dataDir, where);
  const now = identityOnDisk(dataDir);
  assert.notEqual(now.serial, left.serial, where);
  assert.equal(now.agentId, left.agentId, where);
  await assertEnrolledOnce(stand, name, dataDir, t.signal);
}

for (const [what, flags, step] of [
  ['same key', [], FULL ? 1 : 4],
  ['a new key', ['--rotate-key'], FULL ? 1 : 6],
] as const) {
  test(`kill -9 of the gateway at ${step === 1 ? 'every' : `one in ${step}`} of its writes, ${what}`, async (t) => {
    const points = faultPoints(join(temporaryFolder(t), 'faults'));
    const stand = await startEnrolmentStand(t, { ...points.env, ...LIFE });
    let killed = 0;
    for (let at = 1; ; at += step) {
      assert.ok(at < MOST_POINTS);
      const name = `web${at}`;
      const dataDir = await enrolled(stand, name);
      const before = identityOnDisk(dataDir);
      await oldEnough(dataDir);
      const exited = once(stand.gateway().child, 'exit');
      points.arm(at);
      const first = await renew(dataDir, { flags });
      points.disarm();
      const seen = points.seen();
      if (seen.length < at) {
        t.diagnostic(`${killed} points, 0 broken states`);
        assert.ok(killed >= 3, `only ${killed}`);
        return;
      }
      const where = `point ${at}, ${seen.at(-1)}`;
      killed += 1;
      await exited;
      if (first.code !== 0) assert.ok([6, 7].includes(first.code ?? 0), `${where}: ${first.stdout}`);
      await stand.startAgain();
      if (first.code === 0) assert.notEqual(identityOnDisk(dataDir).serial, before.serial, where);
      await assertSound(t, stand, name, dataDir, where, flags);
    }
  });
}

for (const [fault, flags, step] of [
  ['kill', [], FULL ? 1 : 2],
  ['torn', ['--rotate-key'], 1],
  ['ENOSPC', ['--rotate-key'], FULL ? 1 : 4],
] satisfies [Fault, string[], number][]) {
  test(`${fault} of agent renew at ${step === 1 ? 'every' : `one in ${step}`} of its writes`, async (t) => {
    const stand = await startEnrolmentStand(t, LIFE);
    const run = async (at: number) => {
      const name = `web${at}`;
      const dataDir = await enrolled(stand, name);
      const before = identityOnDisk(dataDir);
      await oldEnough(dataDir);
      const points = faultPoints(join(stand.folder, `faults${at}`));
      points.arm(at, fault);
      const first = await renew(dataDir, { env: points.env, flags });
      return { name, dataDir, before, first, seen: points.seen() };
    };
    const all = (await run(0)).seen;
    const chosen = all.flatMap((name, index) => (index % step === 0 && (fault !== 'torn' || name === 'write') ? [index + 1] : []));
    for (const at of chosen) {
      const { name, dataDir, before, first, seen } = await run(at);
      const where = `point ${at}, ${seen[at - 1]}`;
      if (fault === 'ENOSPC') {
        if (first.code !== 0) assert.deepEqual([first.code, codeOf(first)], [1, 'file.failed'], `${where}: ${first.stdout}`);
      } else assert.equal(first.code, null, `${where}: not killed`);
      if (first.code === 1 && fault === 'ENOSPC') assert.equal(configOf(dataDir)['agent_id'], before.agentId, where);
      await assertSound(t, stand, name, dataDir, where, flags);
    }
    t.diagnostic(`${chosen.length} points of ${all.length}, 0 broken states`);
    assert.ok(all.length >= 15 && chosen.length >= 3, all.join('\n'));
  });
}

for (const [fault, flags, step] of [
  ['kill', [], FULL ? 1 : 4],
  ['ENOSPC', ['--rotate-key'], FULL ? 1 : 8],
] satisfies [Fault, string[], number][]) {
  test(`${fault} of a running agent at ${step === 1 ? 'every' : `one in ${step}`} of its writes`, async (t) => {
    const stand = await startEnrolmentStand(t, LIFE);
    const run = async (at: number) => {
      const name = `web${at}`;
      const dataDir = await enrolled(stand, name);
      const before = identityOnDisk(dataDir);
      const points = faultPoints(join(stand.folder, `faults${at}`));
      const agent = start(t, ['agent', 'start', '--data-dir', dataDir], { env: points.env });
      await agent.event('ready');
      await oldEnough(dataDir);
      const exited = once(agent.child, 'exit');
      points.arm(at, fault);
      const first = await renew(dataDir, { flags });
      points.disarm();
      const where = `point ${at}, ${points.seen()[at - 1]}`;
      if (at > 0 && fault === 'kill') await exited;
      else if (at > 0) await assertServes(t, stand, name, dataDir, where, before, first, flags);
      await agent.stop();
      return { name, dataDir, where, seen: points.seen() };
    };
    const all = (await run(0)).seen;
    const chosen = all.flatMap((_, index) => (index % step === 0 ? [index + 1] : []));
    for (const at of chosen) {
      const { name, dataDir, where } = await run(at);
      await assertSound(t, stand, name, dataDir, where, flags);
    }
    t.diagnostic(`${chosen.length} points of ${all.length}, 0 broken states`);
    assert.ok(all.length >= 10, all.join('\n'));
  });
}

/** An agent that could not write goes on with the identity before, and renews when asked again. */
async function assertServes(
  t: TestContext,
  { admin }: EnrolmentStand,
  name: string,
  dataDir: string,
  where: string,
  before: IdentityOnDisk,
  first: Finished,
  flags: readonly string[],
): Promise<void> {
  if (first.code !== 0) {
    assert.deepEqual([first.code, codeOf(first)], [1, 'file.failed'], `${where}: ${first.stdout}`);
    assert.equal(identityOnDisk(dataDir).serial, before.serial, where);
  }
  const { agents } = await admin.listAgents({ limit: 1000 }, t.signal);
  assert.equal(agents.find((agent) => agent.name === name)?.state, 'online', where);
  const left = identityOnDisk(dataDir).serial;
  const again = await renew(dataDir, { flags });
  assert.equal(again.code, 0, `${where}: the running agent asked again: ${again.stdout}`);
  assert.notEqual(identityOnDisk(dataDir).serial, left, where);
}
