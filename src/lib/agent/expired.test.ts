// The end of a certificate, with clocks that are set: an agent ends only where its own clock and the gateway agree, dials once for that, and a clock that is wrong on one side ends nobody.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { temporaryFolder } from '../../../test/support/cli.ts';
import { adminOf } from '../../../test/support/fleet.ts';
import type { World } from '../base/world.ts';
import { initCa } from '../gateway/data-folder.ts';
import { startGateway } from '../gateway/start.ts';
import { realWorld } from '../system/real-world.ts';
import { enrol } from './enrol.ts';
import { startAgent } from './start.ts';

const DAY = 86_400_000;
const world = realWorld({ level: 'silent' });

function ahead(ms: number): World {
  return { ...world, clock: Object.assign(Object.create(world.clock), { now: () => world.clock.now() + ms }) };
}

async function enrolledAgent(t: TestContext) {
  const folder = temporaryFolder(t);
  const [gatewayFolder, dataDir] = [join(folder, 'gw'), join(folder, 'ag')];
  await initCa(gatewayFolder, world);
  const admin = adminOf({ gatewayFolder });
  await using gateway = await startGateway({ dataDir: gatewayFolder, listen: '127.0.0.1:0' }, world);
  const { token } = await admin.mintToken({ kind: 'agent', name: 'web1', routes: ['192.0.2.0/24'], expires_ms: 3_600_000, replace: false }, t.signal);
  await enrol({ dataDir, enrolmentString: token, verify: false, os: 'linux', hostname: 'web1' }, world, t.signal);
  await gateway.close({ graceMs: 0 });
  const refusals = async () => (await admin.audit({ limit: 1000 }, t.signal)).rows.filter(({ code }) => code === 'link.refused');
  return { gatewayFolder, dataDir, refusals };
}

for (const transport of ['quic', 'tls'] as const) {
  test(`${transport}: away for 91 days: told what to do, after one attempt, which is audited`, async (t) => {
    const { gatewayFolder, dataDir, refusals } = await enrolledAgent(t);
    const later = ahead(91 * DAY);
    await using _gateway = await startGateway({ dataDir: gatewayFolder }, later);
    await using agent = await startAgent({ dataDir, transport }, later);
    await assert.rejects(agent.stopped, { code: 'certificate.expired', kind: 'unauthenticated', hint: /token mint --kind agent --name web1 --replace/ });
    await assert.rejects(agent.online(t.signal), { code: 'certificate.expired' });
    assert.equal(agent.status().last_error?.code, 'certificate.expired');
    const refused = await refusals();
    assert.equal(refused.length, 1);
    assert.match(String(refused[0]?.detail['reason']), /ended at/);
  });
}

test("an agent's clock that is 91 days ahead ends nothing: it links, and keeps what it has", async (t) => {
  const { gatewayFolder, dataDir, refusals } = await enrolledAgent(t);
  await using _gateway = await startGateway({ dataDir: gatewayFolder }, world);
  await using agent = await startAgent({ dataDir }, ahead(91 * DAY));
  await agent.online(t.signal);
  await assert.rejects(agent.renew({ rotateKey: false }), (error: { code: string }) => ['limit.reached', 'certificate.refused'].includes(error.code));
  assert.equal(agent.status().state, 'online');
  assert.deepEqual(await refusals(), []);
});

test("a gateway's clock that is 91 days ahead keeps the agent out until it is right again", async (t) => {
  const { gatewayFolder, dataDir, refusals } = await enrolledAgent(t);
  const wrong = await startGateway({ dataDir: gatewayFolder }, ahead(91 * DAY));
  await using agent = await startAgent({ dataDir }, world);
  while ((await refusals()).length === 0) await new Promise((resolve) => setImmediate(resolve));
  await wrong.close({ graceMs: 0 });
  await using _right = await startGateway({ dataDir: gatewayFolder }, world);
  await agent.online(t.signal);
});
