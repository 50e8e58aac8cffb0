// A renewal on the agent's disk: complete before it is in force, and refused when it is not for this agent.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { temporaryFolder } from '../../../test/support/cli.ts';
import { makeTestCa } from '../../../test/support/test-ca.ts';
import { generateKeyPem, publicSpki } from '../pki/keys.ts';
import { issueAgentLeaf } from '../pki/leaf.ts';
import type { CertRenewalGranted } from '../protocol/messages.ts';
import { realWorld } from '../system/real-world.ts';
import { type AgentConfig, writeConfig } from './config.ts';
import { addIdentity, addPending, removeAbandoned } from './identity-folder.ts';
import { Installed } from './installed.ts';

const world = realWorld({ level: 'silent' });
const ca = await makeTestCa();
const other = await makeTestCa();

async function installed(t: TestContext) {
  const dataDir = temporaryFolder(t);
  const agent = await ca.agent('web1');
  const folder = await addIdentity(dataDir, { ...agent, trustedCaPem: ca.caPem }, world.files);
  const config: AgentConfig = {
    agent_id: agent.agentId,
    name: 'web1',
    gateway: 'https://gw.example',
    quic_endpoint: 'gw.example:8443',
    identity: folder,
    ca_spki_sha256: ca.caSpkiSha256,
    server_spki_sha256: ca.server.spkiSha256,
    tls: 'tunnel',
    session_keys: '{"keys":[]}',
    enrolled_with: '00'.repeat(32),
    routes: [],
  };
  await writeConfig(dataDir, config, world.files);
  const renewedBy = async (issuer: typeof ca, spki = publicSpki(agent.privateKeyPem), agentId = agent.agentId): Promise<CertRenewalGranted> => {
    const { certificatePem } = await issueAgentLeaf(issuer.authority, { agentId, name: 'web1', spki, now: Date.now(), lifetimeMs: 1e9 });
    return { kind: 'cert-renewal-granted', certificatePem, caPem: issuer.caPem, sessionKeys: '{"keys":[],"new":true}' };
  };
  return { dataDir, agent, renewedBy, opened: await Installed.open(dataDir, world) };
}

test('same key, new certificate and keys; what was edited meanwhile stays; the old folder goes', async (t) => {
  const { dataDir, agent, renewedBy, opened } = await installed(t);
  const path = join(dataDir, 'agent.json');
  writeFileSync(path, JSON.stringify({ ...(JSON.parse(readFileSync(path, 'utf8')) as object), notes: 'edited' }), { mode: 0o600 });
  const granted = await renewedBy(ca);
  await opened.adopt(granted);
  assert.equal(opened.identity.certificatePem, granted.certificatePem);
  const again = await Installed.open(dataDir, world);
  assert.equal(again.identity.privateKeyPem, agent.privateKeyPem);
  assert.equal(again.identity.certificatePem, granted.certificatePem);
  assert.deepEqual([again.config['notes'], again.config.session_keys, again.config.identity], ['edited', '{"keys":[],"new":true}', 'identity-2']);
  assert.deepEqual(readdirSync(dataDir).sort(), ['agent.json', 'identity-2']);
});

test('a gateway that moved to another CA is followed: the link it came on was verified', async (t) => {
  const { opened, renewedBy } = await installed(t);
  await opened.adopt(await renewedBy(other));
  assert.equal(opened.identity.trustedCaPem, other.caPem);
});

test('another key, another id, another CA than the one beside it: refused, the old one stays', async (t) => {
  const { dataDir, opened, renewedBy } = await installed(t);
  const stranger = await ca.agent('web2');
  for (const bad of [
    await renewedBy(ca, publicSpki(stranger.privateKeyPem)),
    await renewedBy(ca, undefined, stranger.agentId),
    { ...(await renewedBy(ca)), caPem: other.caPem },
    { ...(await renewedBy(ca)), certificatePem: forged((await renewedBy(ca)).certificatePem) },
    { ...(await renewedBy(ca)), certificatePem: 'nothing' },
  ]) {
    await assert.rejects(opened.adopt(bad), { code: 'certificate.refused' });
  }
  assert.deepEqual(readdirSync(dataDir).sort(), ['agent.json', 'identity-1']);
});

test('a renewal that cannot be written leaves the old one in force', async (t) => {
  const { dataDir, renewedBy } = await installed(t);
  const full = { ...world, files: { ...world.files, replaceAtomically: async () => Promise.reject(new Error('no space')) } };
  const opened = await Installed.open(dataDir, full);
  const before = opened.identity;
  await assert.rejects(opened.adopt(await renewedBy(ca)), /no space/);
  assert.equal(opened.identity, before);
  assert.deepEqual(readdirSync(dataDir).sort(), ['agent.json', 'identity-1']);
});

test('a new key is stored with its certificate, and the old one goes; two at once take one after the other', async (t) => {
  const { dataDir, renewedBy, opened } = await installed(t);
  const key = await generateKeyPem();
  const { superseded } = opened.inForce;
  await Promise.all([opened.adopt(await renewedBy(ca)), opened.adopt(await renewedBy(ca, publicSpki(key)), key)]);
  assert.ok(superseded.aborted);
  assert.ok(!opened.inForce.superseded.aborted);
  assert.equal(opened.identity.privateKeyPem, key);
  assert.deepEqual((await Installed.open(dataDir, world)).identity, opened.identity);
  assert.deepEqual(readdirSync(dataDir).sort(), ['agent.json', 'identity-3']);
});

test('agent.json cannot be written: the new key goes again, the old identity stays', async (t) => {
  const { dataDir, renewedBy } = await installed(t);
  const replaceAtomically: typeof world.files.replaceAtomically = async (path, content) => {
    if (path.endsWith('agent.json')) throw new Error('no space');
    await world.files.replaceAtomically(path, content);
  };
  const opened = await Installed.open(dataDir, { ...world, files: { ...world.files, replaceAtomically } });
  await assert.rejects(opened.adopt(await renewedBy(ca)), /no space/);
  assert.ok(!opened.inForce.superseded.aborted);
  assert.deepEqual(readdirSync(dataDir).sort(), ['agent.json', 'identity-1']);
});

test('a certificate from a gateway whose clock is a year ahead is not taken', async (t) => {
  const { agent, opened } = await installed(t);
  const year = 365 * 86_400_000;
  const ahead = { agentId: agent.agentId, name: 'web1', spki: publicSpki(agent.privateKeyPem), now: Date.now() + year, lifetimeMs: year };
  const { certificatePem } = await issueAgentLeaf(ca.authority, ahead);
  const granted = { kind: 'cert-renewal-granted', certificatePem, caPem: ca.caPem, sessionKeys: undefined } as const;
  await assert.rejects(opened.adopt(granted), { code: 'certificate.refused', message: /it begins at/ });
});

test('what a killed renewal left goes; what still waits for its certificate stays', async (t) => {
  const { dataDir, agent } = await installed(t);
  await addIdentity(dataDir, { ...agent, trustedCaPem: ca.caPem }, world.files);
  const { folder } = await addPending(dataDir, { privateKeyPem: agent.privateKeyPem, agentId: agent.agentId }, '00'.repeat(32), world.files);
  await removeAbandoned(dataDir, 'identity-1', world.files);
  assert.deepEqual(readdirSync(dataDir).sort(), ['agent.json', 'identity-1', folder]);
});

/** Its signature is off by one bit. */
function forged(pem: string): string {
  const der = Buffer.from(pem.replace(/-----[A-Z ]+-----/g, ''), 'base64');
  der[der.length - 1] = (der.at(-1) ?? 0) ^ 1;
  return `-----BEGIN CERTIFICATE-----\n${der.toString('base64').replace(/.{64}/g, '$&\n').trimEnd()}\n-----END CERTIFICATE-----\n`;
}
