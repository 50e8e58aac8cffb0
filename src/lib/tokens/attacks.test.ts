// What a holder of tokens may try: other algorithms, other keys, other headers, other purposes, other times. All look the same from outside.
import assert from 'node:assert/strict';
import { createHmac, createPrivateKey, sign as signBytes } from 'node:crypto';
import { test } from 'node:test';
import { TunnelError } from '../base/errors.ts';
import { mintEnrolment, verifyEnrolment } from './enrolment-string.ts';
import { mintLogin, verifyLogin } from './login-string.ts';
import { mintMaterial, verifyMaterial } from './session-material.ts';
import { mintSessionToken, verifySessionToken } from './session-token.ts';
import { newSigningKey, publicKeys, type SigningKey } from './signing-keys.ts';

const now = Date.UTC(2026, 7, 1, 12);
const expiresAt = now + 300_000;
const times = { now, expiresAt };
const id = '00112233-4455-6677-8899-aabbccddeeff';
const [key, other] = [newSigningKey('one'), newSigningKey('two')];
const shared = { tokenId: id, gatewayUrl: 'https://gw.example', caSpkiSha256: 'a'.repeat(64), tls: 'tunnel' } as const;
const material = { sessionId: id, operator: 'alice', agentId: id, targets: ['10.0.0.5:22'], ports: ['22', '1000-2000'], kinds: ['tcp'] };
const session = { operatorId: id, targets: ['10.0.0.5:22'], alternates: [] };

interface Subject {
  readonly mint: (by?: SigningKey) => Promise<string>;
  readonly verify: (text: string, at?: number, keys?: readonly SigningKey[]) => Promise<unknown>;
  readonly code: string;
  readonly toleranceMs: number;
}

const SUBJECTS: Record<string, Subject> = {
  enrolment: {
    mint: (by = key) => mintEnrolment({ ...shared, agentName: 'web1' }, by, times),
    verify: (text, at = now, keys = [key]) => verifyEnrolment(text, keys, at),
    code: 'string.refused',
    toleranceMs: 0,
  },
  login: {
    mint: (by = key) => mintLogin({ ...shared, name: 'alice', kind: 'admin' }, by, times),
    verify: (text, at = now, keys = [key]) => verifyLogin(text, keys, at),
    code: 'string.refused',
    toleranceMs: 0,
  },
  session: {
    mint: (by = key) => mintSessionToken(session, by, times),
    verify: (text, at = now, keys = [key]) => verifySessionToken(text, keys, at),
    code: 'session.refused',
    toleranceMs: 0,
  },
  material: {
    mint: (by = key) => mintMaterial(material, by, times),
    verify: (text, at = now, keys = [key]) => verifyMaterial(text, publicKeys(keys), { now: at, agentId: id }),
    code: 'session.refused',
    toleranceMs: 60_000,
  },
};

const decode = (part = ''): Record<string, unknown> => JSON.parse(Buffer.from(part, 'base64url').toString());
const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const respelled = (last = '') => ALPHABET[ALPHABET.indexOf(last) ^ 1];
/** A real ES256 signature under anything. */
function forge(header: unknown, payload: unknown, by: SigningKey = key): string {
  const input = `${encode(header)}.${encode(payload)}`;
  const signature = signBytes('sha256', Buffer.from(input), { key: createPrivateKey({ key: by, format: 'jwk' }), dsaEncoding: 'ieee-p1363' });
  return `${input}.${signature.toString('base64url')}`;
}

for (const [name, { mint, verify, code, toleranceMs }] of Object.entries(SUBJECTS)) {
  const refused = async (text: string, at = now) => {
    const seen: unknown = await verify(text, at).then(
      () => assert.fail('taken'),
      (error: unknown) => error,
    );
    assert.ok(seen instanceof TunnelError && seen.code === code, String(seen));
    return JSON.stringify(seen);
  };

  test(`${name}: good ones, up to the last moment`, async () => {
    const text = await mint();
    await verify(text);
    await verify(text, expiresAt - 1 + toleranceMs);
    await verify(text, now - 300_000 - toleranceMs);
    const [header, payload] = text.split('.');
    await verify(forge(decode(header), decode(payload)));
  });

  test(`${name}: what is wrong cannot be told from outside`, async () => {
    const text = await mint();
    const [head, body, signature = ''] = text.split('.');
    const [header, payload] = [decode(head), decode(body)];
    const { exp: _exp, ...endless } = payload;
    const { nbf: _nbf, ...beginningless } = payload;
    const { aud: _aud, ...audienceless } = payload;
    const input = (changed: object) => `${encode({ ...header, ...changed })}.${body}`;
    const hmac = (secret: string) =>
      createHmac('sha256', secret)
        .update(input({ alg: 'HS256' }))
        .digest('base64url');
    const answers = [
      await refused(text, expiresAt + toleranceMs),
      await refused(text, now - 302_000 - toleranceMs),
      await refused(`${input({ alg: 'none' })}.`),
      await refused(`${input({ alg: 'none' })}.${signature}`),
      await refused(`${input({ alg: 'HS256' })}.${hmac(publicKeys([key]))}`),
      await refused(`${input({ alg: 'HS256' })}.${hmac(JSON.stringify(key))}`),
      await refused(`${input({ alg: 'ES384' })}.${signature}`),
      await refused(`${head}.${encode({ ...payload, sub: 'mallory' })}.${signature}`),
      await refused(`${head}.${body}.${Buffer.alloc(64).toString('base64url')}`),
      await refused(`${head}.${body}.${signature.slice(2)}`),
      // The same bytes in another spelling: 86 characters hold four bits more than a signature.
      await refused(text.slice(0, -1) + respelled(signature.at(-1))),
      await refused(forge(header, payload, other)),
      await refused(await mint(other)),
      ...(await Promise.all(
        [
          { jku: 'https://evil.example/keys' },
          { jwk: decode(encode({ kty: other.kty, crv: other.crv, x: other.x, y: other.y })) },
          { x5u: 'https://evil.example' },
          { crit: ['b64'], b64: false },
          { kid: '../../../../dev/null' },
          { kid: 'two' },
          { kid: 7 },
          { cty: 'SCOPE' },
          { cty: undefined },
          { typ: 'at+jwt' },
        ].map((changed) => refused(forge({ ...header, ...changed }, payload))),
      )),
      await refused(forge(header, { ...payload, aud: 'tunnel:other' })),
      await refused(forge(header, { ...payload, exp: 'never' })),
      await refused(forge(header, { ...payload, exp: 1e300 })),
      await refused(forge(header, endless)),
      await refused(forge(header, beginningless)),
      await refused(forge(header, audienceless)),
      await refused(forge(header, [])),
      await refused(''),
      await refused('..'),
      await refused(`${text}.${text}`),
      await refused(`${text}\n`),
      await refused('A'.repeat(1_000_000)),
    ];
    assert.deepEqual(new Set(answers).size, 1, [...new Set(answers)].join('\n'));
    await assert.rejects(verify(text, now, []), { code });
  });

  for (const [another, { verify: verifyAnother, code: itsCode }] of Object.entries(SUBJECTS)) {
    if (another === name) continue;
    test(`${name} is not taken for ${another}, nor with the other's header`, async () => {
      const text = await mint();
      await assert.rejects(verifyAnother(text), { code: itsCode });
      const [header] = (await (SUBJECTS[another] as Subject).mint()).split('.');
      await assert.rejects(verifyAnother(forge(decode(header), decode(text.split('.')[1]))), { code: itsCode });
    });
  }
}
