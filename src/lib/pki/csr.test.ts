// Which requests a gateway signs the key of.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { makeTestCa } from '../../../test/support/test-ca.ts';
import { TunnelError } from '../base/errors.ts';
import { sha256Hex } from './certificate-facts.ts';
import { makeCsr, readCsr } from './csr.ts';
import { generateKeyPem, publicSpki } from './keys.ts';
import { issueAgentLeaf } from './leaf.ts';

const skip = spawnSync('openssl', ['version']).status === 0 ? false : 'no openssl';
const folder = mkdtempSync(join(tmpdir(), 'csr-'));
after(() => rmSync(folder, { recursive: true }));

const key = await generateKeyPem();
const csr = await makeCsr(key, 'web1');
const der = Buffer.from(csr.replaceAll(/-----.*-----|\n/g, ''), 'base64');
const asPem = (bytes: Uint8Array) => `-----BEGIN CERTIFICATE REQUEST-----\n${Buffer.from(bytes).toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`;

/** A request by openssl, for a key that it or node:crypto made. */
function requestBy(keyPem: string, ...more: string[]): string {
  const file = join(folder, 'key.pem');
  writeFileSync(file, keyPem);
  return execFileSync('openssl', ['req', '-new', '-key', file, '-subj', '/CN=web1', ...more], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
}
const pkcs8 = { type: 'pkcs8', format: 'pem' } as const;
const ec = (namedCurve: string, paramEncoding: 'named' | 'explicit' = 'named') =>
  String(generateKeyPairSync('ec', { namedCurve, paramEncoding }).privateKey.export(pkcs8));
const rsa = (modulusLength: number, publicExponent = 65_537) => String(generateKeyPairSync('rsa', { modulusLength, publicExponent }).privateKey.export(pkcs8));
const ed25519 = () => String(generateKeyPairSync('ed25519').privateKey.export(pkcs8));

test('our own request', async () => {
  const read = await readCsr(csr);
  assert.equal(read.keyKind, 'P-256');
  assert.deepEqual(Buffer.from(read.spki), publicSpki(key));
});

test('our own request: as stock gateways want it', { skip }, () => {
  const text = spawnSync('openssl', ['req', '-noout', '-text', '-verify'], { input: csr, encoding: 'utf8' });
  assert.match(text.stdout + text.stderr, /verify OK/);
  assert.match(text.stdout, /Subject: CN ?= ?web1\n/);
  assert.match(text.stdout, /ecdsa-with-SHA256/);
  assert.match(spawnSync('openssl', ['asn1parse'], { input: csr, encoding: 'utf8' }).stdout, /UTF8STRING +:web1[\s\S]*cont \[ 0 \]/);
});

test('every kind of key that stock gateways take gets a certificate with that very key', { skip }, async () => {
  const { authority } = await makeTestCa();
  for (const [keyPem, kind, more] of [
    [ec('P-256'), 'P-256', []],
    [ec('P-384'), 'P-384', ['-sha384']],
    [ec('P-384'), 'P-384', ['-sha256']],
    [ed25519(), 'Ed25519', []],
    [rsa(2048), 'RSA', []],
    [rsa(4096), 'RSA', ['-sha512']],
    [ec('P-256'), 'P-256', ['-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'subjectAltName=DNS:evil.example']],
  ] as const) {
    const { spki, spkiSha256, keyKind } = await readCsr(requestBy(keyPem, ...more));
    assert.equal(keyKind, kind);
    const leaf = await issueAgentLeaf(authority, { spki, agentId: '00112233-4455-6677-8899-aabbccddeeff', name: 'web1', now: Date.now(), lifetimeMs: 1000 });
    assert.equal(leaf.spkiSha256, spkiSha256);
    assert.equal(spkiSha256, sha256Hex(spki));
  }
});

test('keys that are refused', { skip }, async () => {
  for (const [keyPem, why, more] of [
    [ec('P-521'), /secp521r1/, []],
    [ec('secp256k1'), /secp256k1/, []],
    [ec('P-256', 'explicit'), /usual encoding|public key/, []],
    [rsa(1024), /1024/, []],
    [rsa(2048, 3), /exponent/, []],
    [String(generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).privateKey.export(pkcs8)), /refused/, []],
    [String(generateKeyPairSync('ed448').privateKey.export(pkcs8)), /ed448/, []],
  ] as const) {
    await assert.rejects(readCsr(requestBy(keyPem, ...more)), { code: 'csr.refused', message: why });
  }
});

test('a bad signature, a changed subject, another key', async () => {
  const badSignature = Uint8Array.from(der);
  badSignature[badSignature.length - 1] = (badSignature.at(-1) ?? 0) ^ 1;
  const badSubject = Uint8Array.from(der);
  badSubject[der.indexOf('web1')] = 0x78;
  const other = await makeCsr(await generateKeyPem(), 'web1');
  const otherDer = Buffer.from(other.replaceAll(/-----.*-----|\n/g, ''), 'base64');
  const badKey = Uint8Array.from(der);
  const [here, there] = [der.indexOf(publicSpki(key)), otherDer.indexOf('web1') + 4];
  badKey.set(otherDer.subarray(there, there + 91), here);
  for (const bytes of [badSignature, badSubject, badKey]) await assert.rejects(readCsr(asPem(bytes)), { code: 'csr.refused', message: /signature/ });
});

test('what is not one request in PEM', async () => {
  for (const [text, why] of [
    ['', /PEM/],
    ['nonsense', /PEM/],
    [csr + csr, /PEM/],
    [csr.replaceAll('REQUEST', 'THING'), /PEM/],
    [der.toString('base64'), /PEM/],
    [asPem(Buffer.concat([der, Buffer.from([0])])), /bytes follow/],
    [asPem(der.subarray(0, -1)), /cut off/],
    [asPem(new Uint8Array(20_000)), /larger/],
    [asPem(Uint8Array.of(0x30, 0x82, 0x2f, 0x00, ...new Uint8Array(0x2f00).fill(0x30))), /read/],
    [asPem(Uint8Array.of(0x30, 0x80, 0, 0)), /cut off/],
  ] as const) {
    await assert.rejects(readCsr(text), { code: 'csr.refused', message: why });
  }
  await readCsr(csr.replaceAll('CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST'));
  await readCsr(csr.replaceAll('\n', '\r\n'));
});

test('any bytes, and a good request with bytes changed or cut: its key or csr.refused', async () => {
  const changed = fc.array(fc.tuple(fc.nat(der.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }).map((changes) => {
    const bytes = Uint8Array.from(der);
    for (const [at, value] of changes) bytes[at] = value;
    return asPem(bytes);
  });
  const texts = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.uint8Array({ maxLength: 400 }).map(asPem),
    changed,
    fc.nat(der.length).map((length) => asPem(der.subarray(0, length))),
  );
  await fc.assert(
    fc.asyncProperty(texts, async (text) => {
      try {
        await readCsr(text);
      } catch (error) {
        assert.ok(error instanceof TunnelError && error.code === 'csr.refused', String(error));
      }
    }),
    { numRuns: 500 },
  );
});
