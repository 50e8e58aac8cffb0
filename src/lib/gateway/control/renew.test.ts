// Renewals as control judges them: which key, how often, whose; and when what was replaced ends.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type CertifiedAgent, certifiedAgent } from '../../../../test/support/admitted-agent.ts';
import { type ControlStand, controlStand } from '../../../../test/support/control-stand.ts';
import { ManualClock } from '../../../../test/support/manual-clock.ts';
import { LIMITS } from '../../base/limits.ts';
import { certificateFacts } from '../../pki/certificate-facts.ts';
import { generateKeyPem } from '../../pki/keys.ts';

const DAY = 86_400_000;

/** Control's clock moves by hand, from now on; the store's is the real one. */
async function stand(t: TestContext) {
  const clock = new ManualClock(Date.now());
  const at = await controlStand(t, { clock });
  const renew = async (agent: CertifiedAgent, linkId: string, { key, newKey = false }: { key?: string; newKey?: boolean } = {}) =>
    certificateFacts((await at.control.forEdge.renew(linkId, { csrPem: await agent.csr(key), newKey })).certificatePem);
  return { ...at, clock, renew };
}

/** What the store has of a certificate. */
async function row({ store }: Pick<ControlStand, 'store'>, agentId: string, { serial, spkiSha256 }: { serial: string; spkiSha256: string }) {
  return await store.certificates.admissible({ agentId, serial, spkiSha256 });
}

/** The ends that were set for the agent's certificates, in ms from now; after everything that goes on by itself. */
async function endings({ control, store, clock }: Awaited<ReturnType<typeof stand>>): Promise<unknown[]> {
  await control.context.audit.flush();
  const rows = (await store.audit.list(1, 1000)).rows.filter(({ code }) => code === 'agent.certificate-replaced');
  return rows.map(({ detail }) => [detail['serial'], Math.round(Date.parse(String(detail['ends_at'])) - clock.now())]);
}

const settled = async () => {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setTimeout(resolve, 5));
};

test('same key: the one before stays good until the new one is shown, then for a day', async (t) => {
  const at = await stand(t);
  const agent = await certifiedAgent(at, 'web1');
  const { linkId } = await agent.admit();
  await assert.rejects(at.renew(agent, linkId), { code: 'limit.reached' }, 'it is of this moment');
  await at.clock.advance(10_000);
  const certificatePem = (await at.control.forEdge.renew(linkId, { csrPem: await agent.csr(), newKey: false })).certificatePem;
  const renewed = certificateFacts(certificatePem);
  assert.equal(renewed.spkiSha256, agent.certificate.spkiSha256);
  assert.equal(renewed.notAfter, Math.floor((at.clock.now() + 90 * DAY) / 1000) * 1000);
  await agent.admit(); // the answer was lost: it comes back as it was
  assert.equal((await row(at, agent.id, agent.certificate))?.revokedAt, null);
  await agent.admit({ certificatePem });
  await settled();
  assert.deepEqual(await endings(at), [[agent.certificate.serial, LIMITS.renewedLinkGraceMs]]);
  assert.equal((await row(at, agent.id, renewed))?.revokedAt, null);
  assert.deepEqual(
    (await at.audited()).filter((code) => code.startsWith('agent.')),
    ['agent.renewal-refused', 'agent.renewed', 'agent.certificate-replaced'],
  );
});

test('another key: only where it is said, only one that nobody ever had; the old one ends after ten minutes', async (t) => {
  const at = await stand(t);
  const [agent, other] = [await certifiedAgent(at, 'web1'), await certifiedAgent(at, 'web2')];
  const { linkId } = await agent.admit();
  const key = await generateKeyPem();
  const later = () => at.clock.advance(10_000);
  await later();
  await assert.rejects(at.renew(agent, linkId, { key }), { code: 'csr.refused', message: /keeps its link's key/ });
  await later();
  await assert.rejects(at.renew(agent, linkId, { key: agent.privateKeyPem, newKey: true }), { code: 'csr.refused', message: /used before/ });
  await later();
  await assert.rejects(at.renew(agent, linkId, { key: other.privateKeyPem, newKey: true }), { code: 'csr.refused', message: /used before/ });
  await later();
  const { certificatePem } = await at.control.forEdge.renew(linkId, { csrPem: await agent.csr(key), newKey: true });
  const rotated = certificateFacts(certificatePem);
  assert.notEqual(rotated.spkiSha256, agent.certificate.spkiSha256);
  await later();
  await at.renew(agent, linkId); // the answer was lost: the link's own key is still the one that counts
  await agent.admit({ certificatePem });
  await settled();
  const ends = new Map((await endings(at)) as [string, number][]);
  assert.equal(ends.get(agent.certificate.serial), LIMITS.replacedLinkGraceMs);
  assert.ok(!ends.has(rotated.serial));
});

test('asked too often, revoked, deleted, locked, expired, replaced for long: refused and audited', async (t) => {
  const at = await stand(t);
  const { control, store } = at;
  const agent = await certifiedAgent(at, 'web1', { lifetimeMs: 60_000 });
  const { linkId } = await agent.admit();
  await at.clock.advance(3000);
  await at.renew(agent, linkId);
  await at.clock.advance(2999);
  await assert.rejects(at.renew(agent, linkId), { code: 'limit.reached' });
  await at.clock.advance(1);
  await at.renew(agent, linkId);
  await at.clock.advance(60_000);
  await assert.rejects(at.renew(agent, linkId), { code: 'certificate.refused', message: /ended at/ });
  await assert.rejects(agent.admit(), { code: 'certificate.refused', message: /ended at/ });

  const ago = { issuedAt: at.clock.now() - 10_000 };
  const second = await certifiedAgent(at, 'web2', ago);
  const link = await second.admit();
  await store.certificates.revoke(second.certificate.serial, Date.now() - 1);
  await assert.rejects(at.renew(second, link.linkId), { code: 'certificate.refused' });
  const third = await certifiedAgent(at, 'web3', ago);
  const gone = await third.admit();
  await store.transaction(async (tables) => void (await tables.agents.delete(third.id)));
  await assert.rejects(at.renew(third, gone.linkId), { code: 'certificate.refused' });
  control.context.registry.forget(third.id);
  await assert.rejects(at.renew(third, 'no such link'), { code: 'certificate.refused' });
  const fourth = await certifiedAgent(at, 'web4', ago);
  const locked = await fourth.admit();
  await store.agents.change(fourth.id, { lock: { at: Date.now(), reason: null } });
  await assert.rejects(at.renew(fourth, locked.linkId), { code: 'certificate.refused' });
  await control.context.audit.flush();
  const refused = (await store.audit.list(1, 1000)).rows.filter(({ code }) => code === 'agent.renewal-refused');
  assert.deepEqual(
    refused.map(({ subject, detail }) => [subject, detail['code']]),
    [
      ['agent:web1', 'limit.reached'],
      ['agent:web1', 'certificate.refused'],
      ['agent:web2', 'certificate.refused'],
      ['agent:web3', 'certificate.refused'],
      ['agent:unknown', 'certificate.refused'],
      ['agent:web4', 'certificate.refused'],
    ],
  );
});

test("a gateway's clock that jumps by a year refuses for as long, and takes nothing away", async (t) => {
  const at = await stand(t);
  const agents = await Promise.all(Array.from({ length: 5 }, (_, index) => certifiedAgent(at, `web${index}`)));
  await at.clock.advance(365 * DAY);
  for (const agent of agents) await assert.rejects(agent.admit(), { code: 'certificate.refused' });
  const back = await controlStand(t);
  for (const agent of agents) assert.ok(await row(at, agent.id, agent.certificate));
  assert.equal((await back.audited()).length, 0);
});
