// The pinned certificate is found among whatever an unverified answer brings; renewal comes when a third is left.
import assert from 'node:assert/strict';
import { createHash, X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { makeTestCa } from '../../../test/support/test-ca.ts';
import { pinnedCertificate, samePin, spkiPin, splitPemBundle } from './pin.ts';
import { renewalDue } from './renewal.ts';

const [one, two] = await Promise.all([makeTestCa(), makeTestCa()]);

test('a pin is the SHA-256 of the SPKI', () => {
  const certificate = new X509Certificate(one.caPem);
  const expected = createHash('sha256')
    .update(certificate.publicKey.export({ type: 'spki', format: 'der' }))
    .digest('hex');
  assert.equal(spkiPin(one.caPem), expected);
  assert.equal(spkiPin(certificate.raw), expected);
});

test('the pinned certificate is found, and only that', () => {
  const broken = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
  const bundle = `preamble\n${broken}${two.caPem}junk${one.caPem}`;
  assert.equal(pinnedCertificate(bundle, one.caSpkiSha256), one.caPem);
  assert.deepEqual(splitPemBundle(bundle), [broken, two.caPem, one.caPem]);
  for (const pin of ['', '0'.repeat(64), one.caSpkiSha256.toUpperCase(), one.caSpkiSha256.slice(1)]) assert.equal(pinnedCertificate(bundle, pin), undefined);
  assert.equal(pinnedCertificate(two.caPem, one.caSpkiSha256), undefined);
});

test('any text has no pinned certificate, and many beginnings cost no time', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => pinnedCertificate(text, one.caSpkiSha256) === undefined));
  assert.deepEqual(splitPemBundle('-----BEGIN CERTIFICATE-----\n'.repeat(20_000)), []);
});

test('pins compare as text', () => {
  assert.ok(samePin('ab', 'ab'));
  for (const [a, b] of [
    ['ab', 'AB'],
    ['ab', 'abc'],
    ['', 'a'],
    ['é', 'ab'],
  ] as const) {
    assert.ok(!samePin(a, b));
  }
});

for (const [now, verdict] of [
  [0, { due: false, askAgainAt: 200 }],
  [199, { due: false, askAgainAt: 200 }],
  [200, { due: true }],
  [400, { due: true }],
] as const) {
  test(`a certificate from 0 to 300, asked at ${now}`, () => assert.deepEqual(renewalDue(0, 300, now), verdict));
}
