// Which CAs from elsewhere a gateway takes, what it issues with them, and what it says of the others.
import 'reflect-metadata';
import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync, type KeyObject, type webcrypto, X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Name,
  X509Certificate as ParsedCertificate,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { loadAuthority } from './authority.ts';
import { commonNameOf, createAuthority, pemOf } from './create-authority.ts';
import { importAuthority } from './import-authority.ts';
import { generateKeyPem, publicSpki, sealKey, signatureOf, signingKeyOf } from './keys.ts';
import { issueAgentLeaf, issueServerLeaf } from './leaf.ts';
import { splitPemBundle } from './pin.ts';
import { createSuccessor } from './rotation.ts';

const DAY_MS = 86_400_000;
const now = Date.UTC(2026, 7, 1, 12);
const isCa = new BasicConstraintsExtension(true, undefined, true);
const maySign = new KeyUsagesExtension(KeyUsageFlags.keyCertSign, true);
const newKey = (namedCurve: string) => generateKeyPairSync('ec', { namedCurve }).privateKey;

const root = newKey('P-256');

interface Wish {
  readonly key?: KeyObject;
  readonly extensions?: Extension[];
  readonly from?: number;
  readonly to?: number;
  readonly subject?: Name;
  readonly issuer?: { readonly name: Name; readonly key: KeyObject };
}

/** By hand, because a CA of our own is always right. */
async function foreign({ key = newKey('P-256'), extensions = [isCa, maySign], from = now - DAY_MS, to = now + 365 * DAY_MS, subject, issuer }: Wish = {}) {
  const signingKey = signingKeyOf(issuer?.key ?? key);
  const name = subject ?? commonNameOf('their CA');
  const certificate = await X509CertificateGenerator.create({
    subject: name,
    issuer: issuer?.name ?? name,
    notBefore: new Date(from),
    notAfter: new Date(to),
    publicKey: Uint8Array.from(createPublicKey(key).export({ type: 'spki', format: 'der' })),
    signingKey,
    signingAlgorithm: signatureOf(signingKey),
    extensions,
  });
  return { pem: pemOf(certificate), key, keyPem: sealKey(key, undefined) };
}

const take = (pem: string, keyPem?: string, passphrase?: string) =>
  importAuthority({ pem: { path: 'ca.pem', text: pem }, key: keyPem === undefined ? undefined : { path: 'ca.key', text: keyPem }, passphrase, now });

const organisation = new Name([{ C: [{ printableString: 'DE' }] }, { O: [{ utf8String: 'Bücher, and "more"' }] }, { CN: [{ printableString: 'their CA' }] }]);
const oddId = new SubjectKeyIdentifierExtension('0011223344556677');

for (const [what, made] of [
  ['P-256', foreign()],
  ['P-384', foreign({ key: newKey('P-384') })],
  ['no keyUsage at all, as openssl req makes it', foreign({ extensions: [isCa] })],
  ['a name of several parts and string types', foreign({ subject: organisation })],
  ["an id of its key that is not SHA-1's", foreign({ extensions: [isCa, maySign, oddId] })],
  ['a path limited to leaves', foreign({ extensions: [new BasicConstraintsExtension(true, 0, true), maySign] })],
  [
    'our own',
    createAuthority({ commonName: 'tunnel CA', now, lifetimeMs: DAY_MS }).then(({ certificatePem, privateKeyPem }) => ({
      pem: certificatePem,
      keyPem: privateKeyPem,
    })),
  ],
] as const) {
  test(`taken: ${what}; its leaves, and those of the CA that follows it, are those of OpenSSL's chain`, async () => {
    const { pem, keyPem } = await made;
    for (const found of [take(pem + keyPem), take(keyPem + pem), take(pem, `Bag Attributes\n${keyPem}`)]) assert.ok(found.key.equals(take(pem, keyPem).key));
    const authority = await loadAuthority(pem, keyPem);
    const spki = publicSpki(await generateKeyPem());
    const successor = await createSuccessor(authority, { now, lifetimeMs: DAY_MS, windowMs: DAY_MS / 2 });
    const [next = '', ending = '', cross = ''] = splitPemBundle(successor.caPem);
    for (const leaf of [
      await issueAgentLeaf(authority, { spki, agentId: '00112233-4455-6677-8899-aabbccddeeff', name: 'web1', now, lifetimeMs: DAY_MS }),
      await issueServerLeaf(authority, { spki, names: ['gw.example'], now, lifetimeMs: DAY_MS }),
    ])
      assertIssued(leaf.certificatePem, pem);
    assertIssued(cross, pem);
    assertIssued(cross, ending);
    assertIssued(ending, ending);
    assertIssued(next, next);
    assert.equal(new X509Certificate(ending).validToDate.getTime(), now + DAY_MS / 2);
  });
}

function assertIssued(certificatePem: string, caPem: string): void {
  const [certificate, ca] = [new X509Certificate(certificatePem), new X509Certificate(caPem)];
  assert.ok(certificate.checkIssued(ca));
  assert.ok(certificate.verify(ca.publicKey));
  // Some verifiers compare the names byte by byte.
  const [issuer, subject] = [new ParsedCertificate(certificatePem).issuerName, new ParsedCertificate(caPem).subjectName].map((name) =>
    Buffer.from(name.toArrayBuffer()),
  );
  assert.ok(issuer && subject && issuer.equals(subject));
}

test('an encrypted key is opened with its passphrase, and with no other', async () => {
  const { pem, key } = await foreign();
  for (const sealed of [sealKey(key, 'right'), String(key.export({ type: 'sec1', format: 'pem', cipher: 'aes-128-cbc', passphrase: 'right' }))]) {
    assert.ok(take(pem, sealed, 'right').key.equals(key));
    assert.throws(() => take(pem, sealed, 'wrong'), { code: 'ca.passphrase' });
    assert.throws(() => take(pem, sealed), { code: 'ca.passphrase', message: /ca\.key is encrypted/ });
  }
});

const rsa = async () => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
  const keys = {
    privateKey: privateKey.toCryptoKey(algorithm, true, ['sign']),
    publicKey: publicKey.toCryptoKey(algorithm, true, ['verify']),
  } as webcrypto.CryptoKeyPair;
  const made = await X509CertificateGenerator.createSelfSigned({
    name: commonNameOf('RSA'),
    keys,
    signingAlgorithm: algorithm,
    notBefore: new Date(now - 1),
    notAfter: new Date(now + DAY_MS),
    extensions: [isCa, maySign],
  });
  return { pem: pemOf(made), keyPem: sealKey(privateKey, undefined) };
};

for (const [what, made, why] of [
  ['a leaf', foreign({ extensions: [new BasicConstraintsExtension(false)] }), /not the certificate of a CA/],
  ['nothing said of a CA', foreign({ extensions: [] }), /not the certificate of a CA/],
  [
    'one that may not sign certificates',
    foreign({ extensions: [isCa, new KeyUsagesExtension(KeyUsageFlags.cRLSign, true)] }),
    /not (sign certificates|the certificate of a CA)/,
  ],
  ['one that has ended', foreign({ to: now - 1000 }), /it ended at 2026-08-01T11:59:59/],
  ['one that has not begun', foreign({ from: now + 1000 }), /it begins only at/],
  ['another curve', foreign({ key: newKey('P-521'), issuer: { name: commonNameOf('root'), key: root } }), /not ECDSA P-256 or P-384/],
  ['RSA', rsa(), /not ECDSA P-256 or P-384/],
  ['an intermediate', foreign({ issuer: { name: commonNameOf('root'), key: root } }), /signed by another CA/],
  ['one without a subject', foreign({ subject: new Name([]) }), /no subject/],
  ['one for servers alone', foreign({ extensions: [isCa, maySign, new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth])] }), /extendedKeyUsage/],
  [
    'one that limits names',
    foreign({ extensions: [isCa, maySign, new Extension('2.5.29.30', true, Buffer.from('300ea00c300a820867772e6c6f63616c', 'hex'))] }),
    /nameConstraints/,
  ],
] as const) {
  test(`refused: ${what}`, async () => {
    const found = await made;
    assert.throws(() => take(found.pem, found.keyPem), { code: 'ca.refused', message: why });
  });
}

test('refused: files that hold other things than one certificate and its key', async () => {
  const [one, other] = [await foreign(), await foreign()];
  for (const [pem, keyPem, why] of [
    ['', undefined, /ca\.pem .* holds no certificate/],
    [one.keyPem, undefined, /holds no certificate/],
    [one.pem, undefined, /ca\.pem .* holds no private key/],
    [one.pem + other.pem, one.keyPem, /more than one certificate/],
    [one.pem, one.keyPem + other.keyPem, /ca\.key .* more than one private key/],
    [one.pem, other.keyPem, /its key is not that of the certificate in ca\.pem/],
    ['-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n', one.keyPem, /cannot be read/],
    [one.pem, '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n', /not a private key in PEM/],
  ] as const)
    assert.throws(() => take(pem, keyPem), { code: 'ca.refused', message: why });
});
