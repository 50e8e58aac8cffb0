// The profile of what we issue, as OpenSSL and node:crypto read it, and as TLS judges it.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { type KeyedCertificate, makeTestCa, type TestCa, WRONG_AGENTS, WRONG_SERVERS } from '../../../test/support/test-ca.ts';
import { loadAuthority } from './authority.ts';
import { createAuthority } from './create-authority.ts';
import { generateKeyPem, publicSpki } from './keys.ts';
import { issueAgentLeaf, issueServerLeaf } from './leaf.ts';
import { spkiPin } from './pin.ts';

const DAY_MS = 86_400_000;
const YEAR_MS = 365 * DAY_MS;
const AGENT_ID = '00112233-4455-6677-8899-aabbccddeeff';
const now = Date.UTC(2026, 7, 1, 12);
const openssl = spawnSync('openssl', ['version']).status === 0;

const ca = await makeTestCa();
const newAuthority = async (lifetimeMs = 10 * YEAR_MS) => {
  const made = await createAuthority({ commonName: 'tunnel CA', now, lifetimeMs });
  return { made, authority: await loadAuthority(made.certificatePem, made.privateKeyPem) };
};
const { made, authority } = await newAuthority();
const spki = publicSpki(await generateKeyPem());

function textOf(certificatePem: string): string {
  return spawnSync('openssl', ['x509', '-noout', '-text'], { input: certificatePem, encoding: 'utf8' }).stdout.replaceAll(/\s+/g, ' ');
}

test('the authority: as node:crypto reads it', () => {
  const certificate = new X509Certificate(made.certificatePem);
  assert.ok(certificate.ca);
  assert.equal(certificate.subject, 'CN=tunnel CA');
  assert.ok(certificate.verify(certificate.publicKey));
  assert.equal(authority.notBefore, now - 5 * 60_000);
  assert.equal(authority.notAfter, now + 10 * YEAR_MS);
  assert.equal(authority.spkiSha256, spkiPin(made.certificatePem));
  assert.match(made.certificatePem, /^-----BEGIN CERTIFICATE-----\n[^\r]*\n-----END CERTIFICATE-----\n$/);
});

test('the authority and leaves: as OpenSSL reads them', { skip: !openssl && 'no openssl' }, async () => {
  const root = textOf(made.certificatePem);
  assert.match(root, /Basic Constraints: critical CA:TRUE X509v3 Key Usage: critical Certificate Sign, CRL Sign X509v3 Subject Key Identifier/);
  const agent = textOf(
    (await issueAgentLeaf(authority, { spki, agentId: AGENT_ID, name: 'web1', hostname: 'Host.example', now, lifetimeMs: YEAR_MS })).certificatePem,
  );
  assert.match(agent, /Signature Algorithm: ecdsa-with-SHA256 Issuer: CN ?= ?tunnel CA/);
  assert.match(agent, /Extended Key Usage: TLS Web Client Authentication X509v3/);
  assert.match(agent, new RegExp(`Subject Alternative Name: URI:urn:uuid:${AGENT_ID}, DNS:host.example X509v3`));
  assert.match(agent, /CA:FALSE/);
  const server = textOf(
    (await issueServerLeaf(authority, { spki, names: ['gw.example', '192.0.2.1', '2001:db8::1', '::ffff:192.0.2.1'], now, lifetimeMs: YEAR_MS }))
      .certificatePem,
  );
  assert.match(server, /Extended Key Usage: TLS Web Server Authentication X509v3/);
  assert.match(
    server,
    /Subject Alternative Name: DNS:gw.example, IP Address:192.0.2.1, IP Address:2001:DB8:0:0:0:0:0:1, IP Address:0:0:0:0:0:FFFF:C000:201 X509v3/,
  );
});

test('a leaf: serials are random, times backdated and within the authority, facts as the certificate has them', async () => {
  const { authority: short } = await newAuthority(30 * DAY_MS);
  const leaves = await Promise.all(
    Array.from({ length: 20 }, () => issueAgentLeaf(short, { spki, agentId: AGENT_ID, name: 'web1', now, lifetimeMs: YEAR_MS })),
  );
  assert.equal(new Set(leaves.map(({ serial }) => serial)).size, 20);
  for (const { certificatePem, ...facts } of leaves) {
    const certificate = new X509Certificate(certificatePem);
    assert.match(facts.serial, /^[0-9a-f]{24,32}$/);
    assert.equal(facts.serial, certificate.serialNumber.toLowerCase());
    assert.equal(facts.fingerprintSha256, certificate.fingerprint256.replaceAll(':', '').toLowerCase());
    assert.equal(facts.spkiSha256, spkiPin(certificate.raw));
    assert.deepEqual([facts.notBefore, facts.notAfter], [now - 5 * 60_000, short.notAfter]);
    assert.ok(certificate.checkIssued(new X509Certificate(short.certificatePem)));
    assert.ok(certificate.verify(new X509Certificate(short.certificatePem).publicKey));
  }
});

test('dates beyond 2049 keep their century', async () => {
  const { authority: long } = await newAuthority(40 * YEAR_MS);
  assert.equal(long.notAfter, now + 40 * YEAR_MS);
});

for (const [hostname, expected] of [
  [undefined, ''],
  ['', ''],
  ['host', ', DNS:host'],
  ['a.B.example', ', DNS:a.b.example'],
  ['10.0.0.5', ''],
  ['bücher.example', ''],
  ['x, DNS:evil.example', ''],
  ['*.example', ''],
  ['host.example.', ''],
  ['-a.example', ''],
  ['a_b', ''],
  ['a\0b', ''],
  ['a'.repeat(64), ''],
] as const) {
  test(`the host name ${JSON.stringify(hostname)} becomes ${JSON.stringify(expected)}`, async () => {
    const { certificatePem } = await issueAgentLeaf(authority, { spki, agentId: AGENT_ID, name: 'web1', hostname, now, lifetimeMs: YEAR_MS });
    assert.equal(new X509Certificate(certificatePem).subjectAltName, `URI:urn:uuid:${AGENT_ID}${expected}`);
  });
}

test('a server name that is neither a DNS name nor an address', async () => {
  for (const name of ['', '*.example', 'fe80::1%eth0', 'a b', '[::1]', 'http://x', '1.2.3.4.5', '256.0.0.1', '127.1', '0x7f000001', '010.0.0.1']) {
    assert.throws(() => issueServerLeaf(authority, { spki, names: ['gw.example', name], now, lifetimeMs: YEAR_MS }), { code: 'name.malformed' }, name);
  }
  assert.throws(() => issueServerLeaf(authority, { spki, names: [], now, lifetimeMs: YEAR_MS }), { code: 'name.malformed' });
});

test('a CN is a value, never parsed', async () => {
  for (const name of ['a, O=evil', '#0c0178', '"quoted"', 'a+CN=b', 'x'.repeat(255)]) {
    const { certificatePem } = await issueAgentLeaf(authority, { spki, agentId: AGENT_ID, name, now, lifetimeMs: YEAR_MS });
    assert.equal(new X509Certificate(certificatePem).toLegacyObject().subject.CN, name);
  }
});

test('what is no authority is not loaded', async () => {
  const other = await newAuthority();
  const leafKey = await generateKeyPem();
  const leaf = await issueAgentLeaf(authority, { spki: publicSpki(leafKey), agentId: AGENT_ID, name: 'web1', now, lifetimeMs: YEAR_MS });
  for (const [certificatePem, keyPem] of [
    [made.certificatePem, other.made.privateKeyPem],
    [leaf.certificatePem, leafKey],
    ['', made.privateKeyPem],
    [made.certificatePem, 'nonsense'],
  ] as const) {
    await assert.rejects(loadAuthority(certificatePem, keyPem), { code: 'file.corrupt' });
  }
});

/** One TLS handshake with client certificates demanded: what each side thinks of the other. */
async function handshake(
  t: { after(undo: () => void): void },
  trust: TestCa,
  server: KeyedCertificate,
  client: KeyedCertificate,
  host = 'localhost',
): Promise<{ client: string; server: string }> {
  const listener = createServer({
    cert: server.certificatePem,
    key: server.privateKeyPem,
    ca: trust.caPem,
    requestCert: true,
    rejectUnauthorized: false,
    minVersion: 'TLSv1.3',
  });
  t.after(() => listener.close());
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;
  const accepted: Promise<TLSSocket[]> = once(listener, 'secureConnection') as Promise<TLSSocket[]>;
  const socket = connect({
    host: '127.0.0.1',
    port,
    servername: host === '127.0.0.1' ? '' : host,
    ca: trust.caPem,
    cert: client.certificatePem,
    key: client.privateKeyPem,
    rejectUnauthorized: false,
  });
  t.after(() => socket.destroy());
  await once(socket, 'secureConnect');
  const [peer] = await accepted;
  t.after(() => peer?.destroy());
  return { client: String(socket.authorizationError ?? 'ok'), server: String(peer?.authorizationError ?? 'ok') };
}

test('TLS accepts our leaves at both ends', async (t) => {
  assert.deepEqual(await handshake(t, ca, ca.server, await ca.agent()), { client: 'ok', server: 'ok' });
});

test('TLS with a bundle of two CAs of one name finds the one that signed', async (t) => {
  const other = await makeTestCa();
  for (const bundle of [ca.caPem + other.caPem, other.caPem + ca.caPem]) {
    assert.deepEqual(await handshake(t, { ...ca, caPem: bundle }, ca.server, await other.agent()), { client: 'ok', server: 'ok' });
  }
});

for (const kind of WRONG_SERVERS) {
  test(`TLS refuses a server leaf: ${kind}`, async (t) => {
    const { client } = await handshake(t, ca, await ca.wrongServer(kind), await ca.agent());
    // OpenSSL falls back to the CN here; readIdentity does not.
    assert.equal(client !== 'ok', kind !== 'CN only');
  });
}

for (const kind of WRONG_AGENTS) {
  test(`TLS refuses an agent's leaf, or leaves it to readIdentity: ${kind}`, async (t) => {
    const { server } = await handshake(t, ca, ca.server, await ca.wrongAgent(kind));
    assert.equal(server === 'ok', ['no key usage', 'CN only', 'two ids'].includes(kind), server);
  });
}
