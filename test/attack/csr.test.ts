// Certificate requests written by hand, to a real gateway: what it issues holds what it decides and the key, or it refuses and the string stays good.
import '../support/requests-by-hand.ts';
import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, randomUUID, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import { X509Certificate as Peculiar } from '@peculiar/x509';
import { LOCAL_ADMIN } from '../../src/lib/gateway/control/caller.ts';
import { enrol } from '../../src/lib/gateway/control/enrol.ts';
import { mint } from '../../src/lib/gateway/control/mint.ts';
import { agentControl } from '../../src/lib/link/control.ts';
import { ALPN } from '../../src/lib/link/version.ts';
import type { GatewayMessage } from '../../src/lib/protocol/messages.ts';
import { realWorld } from '../../src/lib/system/real-world.ts';
import { dialQuic } from '../../src/lib/transport/quic/dial.ts';
import { auditRows } from '../support/audit-rows.ts';
import { type Chain, startChain } from '../support/chain.ts';
import { controlStand } from '../support/control-stand.ts';
import { adminOf } from '../support/fleet.ts';
import { type Answered, ask, askToEnrol } from '../support/https-by-hand.ts';
import { asPem, ecKey, hugeRsaSpki, nameOf, requestDer, rsaKey, wishes } from '../support/requests-by-hand.ts';
import { type EnrolledAgent, enrolAgent } from '../support/second-agent.ts';

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
/** As long as any setting of ours lets a leaf of an agent live. */
const LONGEST_DAYS = 400;
/** Basic constraints, key usage, extended key usage, SAN, authority key id: what the gateway writes, and nothing else. */
const EXTENSIONS = ['2.5.29.15', '2.5.29.17', '2.5.29.19', '2.5.29.35', '2.5.29.37'];

const world = realWorld({ level: 'silent' });
const good = () => requestDer({ key: ecKey('P-256') });
const dsa = () => generateKeyPairSync('dsa', { modulusLength: 2048, divisorLength: 256 }).privateKey;
const spkiOf = (key: Parameters<typeof createPublicKey>[0]) => createPublicKey(key).export({ type: 'spki', format: 'der' });

/** The point in 33 bytes: the same key in an encoding that is not the usual one. */
function compressed(spki: Buffer): Buffer {
  const [x, last] = [spki.subarray(27, 59), spki.at(-1) ?? 0];
  return Buffer.concat([Buffer.from('3039', 'hex'), spki.subarray(2, 23), Buffer.from([0x03, 0x22, 0x00, 2 + (last & 1)]), x]);
}

function refusedRequests(others: Record<string, string>): Record<string, string> {
  const key = ecKey('P-256');
  const der = requestDer({ key });
  const pem = asPem(der);
  const flipped = Buffer.from(der);
  flipped[flipped.length - 1] = (flipped.at(-1) ?? 0) ^ 1;
  const keys = Object.entries(others).map(([whose, keyPem]) => [whose, asPem(requestDer({ key: createPrivateKey(keyPem) }))]);
  return {
    ...Object.fromEntries(keys),
    'signed with another key': asPem(requestDer({ key, signer: ecKey('P-256') })),
    'a flipped bit in the signature': asPem(flipped),
    'a signature of no bytes': asPem(requestDer({ key, signature: Buffer.of() })),
    'a signature of zeros': asPem(requestDer({ key, signature: Buffer.from('3006020100020100', 'hex') })),
    "the signature of another's request": asPem(requestDer({ key, spki: spkiOf(ecKey('P-256')) })),
    'trailing bytes': asPem(requestDer({ key, trailing: Buffer.of(0) })),
    'a second request behind the first': asPem(requestDer({ key, trailing: good() })),
    'cut off': asPem(der.subarray(0, -3)),
    'two requests': pem + asPem(good()),
    'text before it': `Subject: web1\n${pem}`,
    'text behind it': `${pem}and more`,
    'another label': asPem(der, 'CERTIFICATE'),
    'no label': der.toString('base64'),
    'a NUL in it': pem.replace('MI', '\u0000MI'),
    'no text': ' ',
    '20 kB': asPem(Buffer.concat([der, Buffer.alloc(15_000)])),
    'RSA-512': asPem(requestDer({ key: rsaKey(512) })),
    'RSA-1024': asPem(requestDer({ key: rsaKey(1024) })),
    'RSA-2040': asPem(requestDer({ key: rsaKey(2040) })),
    'RSA, exponent 3': asPem(requestDer({ key: rsaKey(2048, 3) })),
    'RSA, exponent 1': asPem(requestDer({ key: rsaKey(2048), spki: hugeRsaSpki(2048, 1n) })),
    'RSA-16384': asPem(requestDer({ key: rsaKey(2048), spki: hugeRsaSpki(16_384) })),
    'RSA-16384, exponent as long': asPem(requestDer({ key: rsaKey(2048), spki: hugeRsaSpki(16_384, 2n ** 16_000n + 1n) })),
    'P-192': asPem(requestDer({ key: ecKey('prime192v1') })),
    'P-521': asPem(requestDer({ key: ecKey('P-521') })),
    secp256k1: asPem(requestDer({ key: ecKey('secp256k1') })),
    'P-256, its curve spelled out': asPem(requestDer({ key: ecKey('P-256', 'explicit') })),
    'P-256, its point compressed': asPem(requestDer({ key, spki: compressed(spkiOf(key)) })),
    Ed448: asPem(requestDer({ key: generateKeyPairSync('ed448').privateKey })),
    DSA: asPem(requestDer({ key: dsa() })),
    'a key that is none': asPem(requestDer({ key, spki: Buffer.from('3003020101', 'hex') })),
    'no key': asPem(requestDer({ key, spki: Buffer.of() })),
  };
}

describe('certificate requests', () => {
  const cleanups: (() => unknown)[] = [];
  let context: TestContext;
  let chain: Chain;
  let hostile: EnrolledAgent;
  let url: string;
  let refused: Record<string, string>;
  const mint = async (name: string) =>
    (await adminOf(chain).mintToken({ kind: 'agent', name, routes: [], expires_ms: 3_600_000, replace: false }, context.signal)).token;
  const enrol = (token: string, csrPem: string, more = {}): Promise<Answered> => askToEnrol(url, token, { agent_id: randomUUID(), csr_pem: csrPem, ...more });

  before(async () => {
    context = { after: (cleanup: () => unknown) => cleanups.push(cleanup), signal: new AbortController().signal } as unknown as TestContext;
    chain = await startChain(context);
    hostile = await enrolAgent(chain, 'hostile');
    url = String(chain.ready['url']);
    const read = (...path: string[]) => readFileSync(join(...path), 'utf8');
    refused = refusedRequests({
      "the CA's key": read(chain.gatewayFolder, 'ca-key.pem'),
      "another agent's key": read(chain.agentFolder, 'identity-1', 'key.pem'),
    });
  });
  after(async () => {
    for (const cleanup of cleanups.reverse()) await cleanup();
  });

  test('what is refused is 400 with a reason, is audited, and leaves the string as it was', async (t) => {
    const known = (await auditRows(chain.gatewayFolder)).at(-1)?.seq ?? 0;
    const token = await mint('patient');
    const began = performance.now();
    for (const [what, csrPem] of Object.entries(refused)) {
      const { status, body } = await enrol(token, csrPem);
      assert.equal(status, 400, `${what}: ${body}`);
      assert.match(body, /^\{"error":\{"code":"(csr\.refused|request\.malformed)","message":"[^"]{10,300}"/, what);
    }
    t.diagnostic(`${Object.keys(refused).length} requests in ${Math.round(performance.now() - began)} ms`);
    const rows = await auditRows(chain.gatewayFolder, known);
    const reasons = rows.filter(({ code }) => code === 'agent.enrolment-refused').map(({ detail }) => detail['reason']);
    assert.ok(reasons.length >= Object.keys(refused).length - 1, `${reasons.length}`); // what is larger than the field never reaches the enrolment
    assert.ok(reasons.every((reason) => String(reason).length > 10));
    assert.equal((await enrol(token, asPem(good()))).status, 200);
  });

  test('ten megabytes are 413, with and without a length', async () => {
    const token = await mint('large');
    const body = JSON.stringify({ agent_id: randomUUID(), csr_pem: 'A'.repeat(10_000_000) });
    assert.equal((await askToEnrol(url, token, body)).status, 413);
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json', 'transfer-encoding': 'chunked' };
    assert.equal((await ask(`${url}/jet/tunnel/enroll`, { headers, body })).status, 413);
    assert.equal((await enrol(token, asPem(good()))).status, 200);
  });

  test('whatever is wished for, the certificate says what the gateway decided', async () => {
    const gatewayHost = new URL(url).hostname;
    const cases: Record<string, { readonly csr: string; readonly more?: object }> = {
      'every wish': { csr: asPem(requestDer({ key: ecKey('P-256'), attributes: wishes() })) },
      'every wish, P-384': { csr: asPem(requestDer({ key: ecKey('P-384'), attributes: wishes() })) },
      'every wish, Ed25519': { csr: asPem(requestDer({ key: generateKeyPairSync('ed25519').privateKey, attributes: wishes() })) },
      'every wish, RSA-2048': { csr: asPem(requestDer({ key: rsaKey(2048), attributes: wishes() })) },
      'the name of another': { csr: asPem(requestDer({ key: ecKey('P-256'), subject: nameOf('web1') })) },
      'the name of the gateway, twice': { csr: asPem(requestDer({ key: ecKey('P-256'), subject: nameOf(gatewayHost, gatewayHost) })) },
      'no name': { csr: asPem(requestDer({ key: ecKey('P-256'), subject: nameOf() })) },
      'wishes beside the request': {
        csr: asPem(good()),
        more: { name: 'web1', common_name: 'web1', ca: true, lifetime_ms: 1e13, not_after: '2126-01-01T00:00:00Z', routes: ['0.0.0.0/0'], serial: '01' },
      },
      'a host name that is a wildcard': { csr: asPem(good()), more: { agent_hostname: '*.example' } },
      'a host name that is two': { csr: asPem(good()), more: { agent_hostname: 'a.example,DNS:b.example' } },
      "the gateway's address as host name": { csr: asPem(good()), more: { agent_hostname: gatewayHost } },
    };
    const ca = new X509Certificate(readFileSync(join(chain.gatewayFolder, 'ca-cert.pem')));
    const serials = new Set<string>();
    let index = 0;
    for (const [what, { csr, more }] of Object.entries(cases)) {
      const name = `wish${index++}`;
      const { status, body } = await enrol(await mint(name), csr, more);
      assert.equal(status, 200, `${what}: ${body}`);
      const { agent_id: id, client_cert_pem: pem } = JSON.parse(body) as Record<string, string>;
      assertDecided(what, String(pem), ca, { id: String(id), name });
      serials.add(new X509Certificate(String(pem)).serialNumber);
    }
    assert.equal(serials.size, index);
  });

  test('over the control stream the same are refused, and the link stays', async (t) => {
    const read = (file: string) => readFileSync(file, 'utf8');
    const known = (await auditRows(chain.gatewayFolder)).at(-1)?.seq ?? 0;
    const credentials = { certificatePem: read(hostile.certificateFile), privateKeyPem: read(hostile.keyFile), trustedCaPem: read(hostile.caFile), alpn: ALPN };
    const link = await dialQuic({ to: hostile.udp, serverName: '127.0.0.1', credentials, signal: t.signal }, world);
    t.after(() => link.close());
    const hello = { kind: 'hello', software: 'test', os: 'linux', arch: 'x64', hostname: 'hostile', capabilities: [] } as const;
    const control = await agentControl(link, hello, world, t.signal);
    const messages = control.messages[Symbol.asyncIterator]();
    // All but the first may be refused for being too many: what is wrong with each is judged below, where time passes as the test wants.
    for (const [what, csrPem] of Object.entries(refused)) {
      await control.send({ kind: 'cert-renewal-request', csrPem });
      const answer = await answerOf(messages);
      assert.equal(answer.kind, 'cert-renewal-refused', what);
      assert.ok('reason' in answer && answer.reason.length > 10, what);
    }
    const rows = await auditRows(chain.gatewayFolder, known);
    assert.equal(rows.filter(({ code }) => code === 'agent.renewal-refused').length, Object.keys(refused).length);
    assert.deepEqual(
      rows.filter(({ code }) => code === 'link.closed'),
      [],
    );
  });
});

describe('renewals', () => {
  const DAYS = 30;

  /** A linked agent with `key`; each renewal is asked for at a time when another may be. */
  async function linked(t: TestContext, key: KeyObject) {
    let ahead = 0;
    const { clock } = world;
    const later = { ...clock, now: () => clock.now() + ahead, monotonic: () => clock.monotonic() + ahead };
    const { control } = await controlStand(t, { clock: later });
    const { context, forEdge } = control;
    const { token } = await mint(context, LOCAL_ADMIN, { kind: 'agent', name: 'web1', routes: [], expires_ms: 3_600_000, replace: false });
    const enrolled = await enrol(context, token, { agent_id: randomUUID(), csr_pem: asPem(requestDer({ key })) }, '192.0.2.1');
    const presented = { certificate: new X509Certificate(enrolled.client_cert_pem).raw, remote: { address: '192.0.2.1', port: 1 } };
    const { linkId } = await forEdge.admit({ ...presented, protocol: 2, transport: 'tls' });
    const renew = async (csrPem: string, newKey: boolean) => {
      ahead += (DAYS * DAY_MS) / 100;
      return await forEdge.renew(linkId, { csrPem, newKey });
    };
    return { id: enrolled.agent_id, ca: new X509Certificate(context.authority.certificatePem), renew, now: later.now };
  }

  test('each of the requests is refused for what is wrong with it, for the same key and for a new one', async (t) => {
    const { renew } = await linked(t, ecKey('P-256'));
    for (const [what, csrPem] of Object.entries(refusedRequests({}))) {
      await assert.rejects(renew(csrPem, false), { code: 'csr.refused' }, what);
      await assert.rejects(renew(csrPem, true), { code: 'csr.refused' }, what);
    }
    await assert.rejects(renew(asPem(good()), false), { code: 'csr.refused' }, 'a new key that was not asked for');
  });

  test('what is issued says what the gateway decides', async (t) => {
    const key = ecKey('P-256');
    const { id, ca, renew, now } = await linked(t, key);
    const wish = (of: KeyObject) => asPem(requestDer({ key: of, subject: nameOf('gw.example'), attributes: wishes() }));
    assertDecided('renewed', (await renew(wish(key), false)).certificatePem, ca, { id, name: 'web1' }, now());
    assertDecided('with a new key', (await renew(wish(ecKey('P-384')), true)).certificatePem, ca, { id, name: 'web1' }, now());
  });
});

async function answerOf(messages: AsyncIterator<GatewayMessage, void>): Promise<Extract<GatewayMessage, { kind: `cert-renewal-${string}` }>> {
  for (;;) {
    const { value } = await messages.next();
    if (!value) throw new Error('the control stream ended');
    if (value.kind === 'cert-renewal-granted' || value.kind === 'cert-renewal-refused') return value;
  }
}

function assertDecided(what: string, pem: string, ca: X509Certificate, { id, name }: { id: string; name: string }, now = Date.now()): void {
  const leaf = new X509Certificate(pem);
  assert.ok(leaf.verify(ca.publicKey) && leaf.checkIssued(ca), what);
  assert.equal(leaf.subject, `CN=${name}`, what);
  assert.match(leaf.subjectAltName ?? '', new RegExp(`^URI:urn:uuid:${id}$`), what);
  assert.deepEqual(leaf.keyUsage, ['1.3.6.1.5.5.7.3.2'], what);
  assert.equal(leaf.ca, false, what);
  const extensions = Array.from(new Peculiar(pem).extensions, ({ type }) => type);
  assert.deepEqual(extensions.sort(), EXTENSIONS, what);
  assert.match(leaf.serialNumber, /^[0-9A-F]{24,32}$/, what); // 128 random bits, but for leading zeros
  const from = leaf.validFromDate.getTime();
  assert.ok(from > now - 6 * MINUTE_MS && from <= now - 5 * MINUTE_MS + 1000, `${what}: from ${leaf.validFrom}`);
  assert.ok(leaf.validToDate.getTime() < now + LONGEST_DAYS * DAY_MS, `${what}: until ${leaf.validTo}`);
}
