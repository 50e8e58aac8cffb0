// Enrolment and login strings: what agents and operators read in them, and what a bad paste is told.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TunnelError } from '../base/errors.ts';
import { type EnrolmentClaims, mintEnrolment, readEnrolment, verifyEnrolment } from './enrolment-string.ts';
import { type LoginClaims, mintLogin, readLogin, verifyLogin } from './login-string.ts';
import { newSigningKey } from './signing-keys.ts';

const now = Date.UTC(2026, 7, 1, 12);
const times = { now, expiresAt: now + 3_600_000 };
const [key, nextKey] = [newSigningKey('one'), newSigningKey('two')];
const enrolment: EnrolmentClaims = {
  tokenId: '00112233-4455-6677-8899-aabbccddeeff',
  gatewayUrl: 'https://gw.example:8443',
  agentName: 'web1',
  caSpkiSha256: 'a'.repeat(64),
  quicEndpoint: 'gw.example:4433',
  tls: 'tunnel',
};
const login: LoginClaims = {
  tokenId: enrolment.tokenId,
  gatewayUrl: enrolment.gatewayUrl,
  name: 'alice',
  kind: 'operator',
  caSpkiSha256: enrolment.caSpkiSha256,
  tls: 'public',
};
const enrolmentText = await mintEnrolment(enrolment, key, times);
const loginText = await mintLogin(login, key, times);

const part = (text: string, index: number): unknown => JSON.parse(Buffer.from(text.split('.')[index] ?? '', 'base64url').toString());
const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

test('an enrolment string is the JWT that version 1 knows, with our claims beside its own', () => {
  assert.deepEqual(part(enrolmentText, 0), { alg: 'ES256', typ: 'JWT', cty: 'ENROLLMENT' });
  assert.deepEqual(part(enrolmentText, 1), {
    jti: enrolment.tokenId,
    jet_gw_url: 'https://gw.example:8443',
    jet_agent_name: 'web1',
    ca_spki_sha256: 'a'.repeat(64),
    quic_endpoint: 'gw.example:4433',
    tls: 'tunnel',
    aud: 'tunnel:enrolment',
    nbf: now / 1000 - 300,
    exp: now / 1000 + 3600,
  });
  assert.match(enrolmentText, /^[\w-]+\.[\w-]+\.[\w-]{86}$/);
});

test('what an agent and an operator read', () => {
  const { tokenId: _, ...readable } = enrolment;
  assert.deepEqual(readEnrolment(`  ${enrolmentText}\r\n`), { ...readable, text: enrolmentText, expiresAt: times.expiresAt });
  assert.deepEqual(readLogin(`${loginText}\n`), { ...login, text: loginText, expiresAt: times.expiresAt });
});

test('what the gateway verifies, with any of its keys', async () => {
  assert.deepEqual(await verifyEnrolment(enrolmentText, [nextKey, key], now), enrolment);
  assert.deepEqual(await verifyLogin(loginText, [nextKey, key], now), login);
  const without = { ...enrolment, quicEndpoint: undefined };
  assert.deepEqual(await verifyEnrolment(await mintEnrolment(without, key, times), [key], now), without);
});

test('a string of a stock gateway: other algorithm, no pin, its type in a claim', () => {
  const payload = { jti: 'x', nbf: 1, exp: 2, jet_gw_url: 'http://gw.example:7171/prefix', jet_agent_name: 'Agent 1', jet_gw_id: 'y' };
  const expected = {
    gatewayUrl: 'http://gw.example:7171/prefix',
    agentName: 'Agent 1',
    caSpkiSha256: undefined,
    quicEndpoint: undefined,
    tls: 'public',
    expiresAt: 2000,
  };
  for (const [header, claims] of [
    [{ alg: 'RS256', cty: 'ENROLLMENT' }, payload],
    [{ alg: 'EdDSA' }, { ...payload, type: 'Enrollment' }],
  ]) {
    const text = `${encode(header)}.${encode(claims)}.AAAA`;
    assert.deepEqual(readEnrolment(text), { ...expected, text });
  }
});

const [header = '', payload = ''] = enrolmentText.split('.');
for (const [what, text, message] of [
  ['empty', ' \n', /empty/],
  ['prose', 'hello there', /not an enrolment string/],
  ['a URL', 'https://gw.example/x.y.z', /not an enrolment string/],
  ['another secret', 'tunnel_login_abc', /not an enrolment string/],
  ['cut in the header', enrolmentText.slice(0, 20), /truncated/],
  ['cut after the header', `${header}.`, /truncated/],
  ['cut in the payload', enrolmentText.slice(0, header.length + 30), /truncated/],
  ['cut before the signature', `${header}.${payload}.`, /truncated/],
  ['cut by one character', enrolmentText.slice(0, -1), /truncated/],
  ['one character too many', `${enrolmentText}A`, /behind its end/],
  ['wrapped', `${enrolmentText.slice(0, 80)}\n${enrolmentText.slice(80)}`, /line breaks/],
  ['twice', `${enrolmentText}\n${enrolmentText}`, /line breaks/],
  ['four parts', `${enrolmentText}.A`, /not an enrolment string/],
  ['a hole in the payload', `${header}.${payload.slice(4)}.${'A'.repeat(86)}`, /damaged/],
  ['a login', loginText, /login string/],
  ['another type', `${encode({ alg: 'ES256', cty: 'SCOPE' })}.${payload}.${'A'.repeat(86)}`, /not an enrolment string/],
  ['no name', `${header}.${encode({ jet_gw_url: 'https://x' })}.${'A'.repeat(86)}`, /jet_agent_name/],
  ['another scheme', `${header}.${encode({ jet_gw_url: 'file:///etc', jet_agent_name: 'a' })}.${'A'.repeat(86)}`, /jet_gw_url/],
  ['a control character', `${header}.${encode({ jet_gw_url: 'https://x', jet_agent_name: 'a\u001b' })}.${'A'.repeat(86)}`, /jet_agent_name/],
  [
    'a pin in upper case',
    `${header}.${encode({ jet_gw_url: 'https://x', jet_agent_name: 'a', ca_spki_sha256: 'A'.repeat(64) })}.${'A'.repeat(86)}`,
    /ca_spki_sha256/,
  ],
  ['our TLS without a pin', `${header}.${encode({ jet_gw_url: 'https://x', jet_agent_name: 'a', tls: 'tunnel' })}.${'A'.repeat(86)}`, /no pin/],
  ['too long', `eyJ${'A'.repeat(20_000)}`, /not an enrolment string/],
] as const) {
  test(`a bad enrolment string: ${what}`, () => {
    assert.throws(
      () => readEnrolment(text),
      (error) =>
        error instanceof TunnelError &&
        error.code === 'string.malformed' &&
        message.test(error.message) &&
        error.hint !== undefined &&
        !JSON.stringify(error).includes(payload),
    );
  });
}

test('an enrolment string is no login', () => {
  assert.throws(() => readLogin(enrolmentText), { code: 'string.malformed', message: /enrolment string/ });
});

test('any text, and any good string changed: read or string.malformed; never verified', async () => {
  const changed = fc
    .tuple(fc.nat(enrolmentText.length - 1), fc.string({ unit: 'binary', maxLength: 3 }))
    .map(([at, put]) => enrolmentText.slice(0, at) + put + enrolmentText.slice(at + 1));
  const claims = fc.tuple(fc.jsonValue(), fc.jsonValue()).map(([one, two]) => `${encode(one)}.${encode(two)}.AAAA`);
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.string({ unit: 'binary' }), changed, claims), async (text) => {
      for (const read of [readEnrolment, readLogin]) {
        try {
          read(text);
        } catch (error) {
          assert.ok(error instanceof TunnelError && error.code === 'string.malformed', String(error));
        }
      }
      if (text !== enrolmentText) await assert.rejects(verifyEnrolment(text, [key], now), { code: 'string.refused' });
      await assert.rejects(verifyLogin(text, [key], now), { code: 'string.refused' });
    }),
    { numRuns: 400 },
  );
});
