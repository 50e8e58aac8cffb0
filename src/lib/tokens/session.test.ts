// Session tokens and session material say what was granted; signing keys and secrets keep their shape.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hashSecret, newCredential } from './secret.ts';
import { mintMaterial, verifyMaterial } from './session-material.ts';
import { mintSessionToken, verifySessionToken } from './session-token.ts';
import { newSigningKey, publicKeys, readPublicKeys, readSigningKeys, writeSigningKeys } from './signing-keys.ts';

const now = Date.UTC(2026, 7, 1, 12);
const times = { now, expiresAt: now + 300_000 };
const id = '00112233-4455-6677-8899-aabbccddeeff';
const otherId = '10112233-4455-6677-8899-aabbccddeeff';
const [older, newer] = [newSigningKey('one'), newSigningKey('two')];

test('a session token says what was granted', async () => {
  const full = {
    operatorId: id,
    sessionId: otherId,
    targets: ['10.0.0.5:22', '[fd00::1]:22'],
    agent: 'web1',
    site: 'berlin',
    alternates: ['10.0.0.6:22'],
    credentialId: hashSecret('x'),
  };
  assert.deepEqual(await verifySessionToken(await mintSessionToken(full, newer, times), [newer, older], now), { ...full, expiresAt: times.expiresAt });
  const least = { operatorId: id, sessionId: undefined, targets: ['*'], agent: undefined, site: undefined, alternates: [], credentialId: undefined };
  assert.deepEqual(await verifySessionToken(await mintSessionToken(least, older, times), [newer, older], now), { ...least, expiresAt: times.expiresAt });
});

test('a token that no HTTP header could carry is not minted', async () => {
  const targets = Array.from({ length: 64 }, (_, index) => `${'x'.repeat(250)}${index}:22`);
  await assert.rejects(mintSessionToken({ operatorId: id, targets, alternates: [] }, newer, times), { code: 'limit.reached' });
});

test('session material is for one agent, by any key of the set', async () => {
  const material = { sessionId: otherId, operator: 'alice', agentId: id, targets: ['10.0.0.5:22'], ports: ['22', '1000-2000'], kinds: ['tcp'] };
  const text = await mintMaterial(material, older, times);
  const keys = publicKeys([newer, older]);
  assert.deepEqual(await verifyMaterial(text, keys, { now, agentId: id }), { ...material, expiresAt: times.expiresAt });
  await assert.rejects(verifyMaterial(text, keys, { now, agentId: otherId }), { code: 'session.refused' });
  for (const wrong of [publicKeys([newer]), '{"keys":[]}', '', '[]', '{"keys":[{"kty":"oct","kid":"one","k":"AAAA"}]}']) {
    await assert.rejects(verifyMaterial(text, wrong, { now, agentId: id }), { code: 'session.refused' });
  }
});

test('the published keys hold no private half, the kept ones come back as they were', () => {
  assert.ok(!publicKeys([newer, older]).includes(newer.d));
  assert.deepEqual(
    readPublicKeys(publicKeys([newer, older])).map(({ kid }) => kid),
    ['two', 'one'],
  );
  assert.deepEqual(readSigningKeys(writeSigningKeys([newer, older])), [newer, older]);
  for (const text of ['', '{}', '{"keys":[]}', publicKeys([newer])]) assert.throws(() => readSigningKeys(text), { code: 'file.corrupt' });
});

test('credentials are random, told by their beginning, and kept as a hash', () => {
  const [one, two] = [newCredential(), newCredential()];
  assert.notEqual(one, two);
  assert.match(one, /^tunnel_login_[\w-]{43}$/);
  assert.equal(hashSecret('abc'), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
});
