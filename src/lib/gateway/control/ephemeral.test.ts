// Ephemeral agents go when they stay away, and only then.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { controlStand } from '../../../../test/support/control-stand.ts';
import { ManualClock } from '../../../../test/support/manual-clock.ts';
import { someCertificate } from '../../../../test/support/some-certificate.ts';
import { LIMITS } from '../../base/limits.ts';

async function stand(t: Parameters<typeof controlStand>[0]) {
  const clock = new ManualClock();
  const { control, store, ...rest } = await controlStand(t, { clock });
  /** Until no timer is due and the store has answered. */
  const pass = async (ms: number) => {
    await clock.advance(ms);
    await store.agents.list({ after: null, limit: 1 });
    await store.agents.list({ after: null, limit: 1 });
  };
  const names = async () => (await store.agents.list({ after: null, limit: 10 })).rows.map(({ name }) => name);
  const link = (agentId: string, linkId: string) =>
    control.context.registry.link({
      linkId,
      agentId,
      protocol: 1,
      transport: 'memory',
      remote: { address: '192.0.2.1', port: 1 },
      certificate: someCertificate,
    });
  return { clock, control, store, pass, names, link, ...rest };
}

test('a minute after its last link: row, routes and certificate are gone, audited; one that is not ephemeral stays', async (t) => {
  const { control, store, pass, names, ...rest } = await stand(t);
  const id = await rest.agent('ci', { ephemeral: true });
  await rest.agent('web1');
  const certificate = { agentId: id, serial: 's1', spkiSha256: 'k1', fingerprint: 'f', notBefore: 0, notAfter: Date.now() + 3_600_000 };
  await store.certificates.insert(certificate);
  for (const name of ['ci', 'web1']) await control.forEdge.unlink(`link-${name}`, 'gone');
  await pass(LIMITS.ephemeralAwayMs - 1);
  assert.deepEqual(await names(), ['ci', 'web1']);
  assert.ok(await store.certificates.admissible(certificate));
  await pass(1);
  assert.deepEqual(await names(), ['web1']);
  assert.equal(control.context.registry.find('ci'), undefined);
  assert.equal(await store.certificates.admissible(certificate), undefined);
  await control.context.audit.flush();
  const deleted = (await store.audit.list(0, 100)).rows.filter(({ code }) => code === 'agent.deleted');
  assert.deepEqual(
    deleted.map(({ actor, subject, detail }) => [actor, subject, detail]),
    [['gateway', 'agent:ci', { agent_id: id, reason: 'ephemeral' }]],
  );
});

test('one that comes back in time stays, and its minute begins anew with every end', async (t) => {
  const { control, pass, names, link, ...rest } = await stand(t);
  const id = await rest.agent('ci', { ephemeral: true });
  await control.forEdge.unlink('link-ci', 'gone');
  await pass(LIMITS.ephemeralAwayMs - 1);
  link(id, 'second');
  await pass(10 * LIMITS.ephemeralAwayMs);
  assert.deepEqual(await names(), ['ci']);
  await control.forEdge.unlink('second', 'gone');
  await pass(LIMITS.ephemeralAwayMs / 2);
  link(id, 'third');
  await control.forEdge.unlink('third', 'gone');
  await pass(LIMITS.ephemeralAwayMs - 1);
  assert.deepEqual(await names(), ['ci']);
  await pass(1);
  assert.deepEqual(await names(), []);
});

test('when the gateway starts, those that never come back go; one that was just enrolled has time for its first link', async (t) => {
  const { control, store, pass, names, ...rest } = await stand(t);
  await rest.agent('left', { ephemeral: true, offline: true });
  const serving = control.context.serving();
  assert.ok(serving);
  control.serve(serving);
  const fresh = await store.agents.byId(await rest.agent('fresh', { ephemeral: true, offline: true }));
  assert.ok(fresh);
  control.context.ephemerals.enrolled(fresh);
  await pass(LIMITS.ephemeralAwayMs);
  assert.deepEqual(await names(), ['fresh']);
  await pass(LIMITS.enrolmentRepeatMs - LIMITS.ephemeralAwayMs);
  assert.deepEqual(await names(), []);
});
