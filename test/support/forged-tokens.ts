// Everything that somebody may make of a token: other algorithms, keys, headers, claims, spellings. With the gateway's own key where that is the harder test.
import { createHmac, createPrivateKey, createPublicKey, generateKeyPairSync, type JsonWebKey, type KeyObject, randomUUID, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

type Json = Readonly<Record<string, unknown>>;

export interface SigningJwk extends JsonWebKey {
  readonly kid: string;
}

export function signingKeyOf(gatewayFolder: string): SigningJwk {
  const { keys } = JSON.parse(readFileSync(join(gatewayFolder, 'signing-keys.json'), 'utf8')) as { keys: [SigningJwk] };
  return keys[0];
}

const encode = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
const decode = (part = ''): Json => JSON.parse(Buffer.from(part, 'base64url').toString()) as Json;
const es256 = (input: string, key: KeyObject) => sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url');

/** ES256 over any header and any claims; text stands for itself. */
export function forgeToken(header: Json | string, claims: Json | string, key: KeyObject): string {
  const input = `${encode(header)}.${encode(claims)}`;
  return `${input}.${es256(input, key)}`;
}

/** Claims with some of them changed, under the header and the key of the real one: as the gateway would have signed them. */
export function resigned(text: string, jwk: SigningJwk, changed: Json, header: Json = {}): string {
  const [head, body] = text.split('.');
  return forgeToken({ ...decode(head), ...header }, { ...decode(body), ...changed }, createPrivateKey({ key: jwk, format: 'jwk' }));
}

/** What no verifier may take, whatever it is asked for. */
export function attacksOn(text: string, jwk: SigningJwk): Record<string, string> {
  const [head = '', body = '', signature = ''] = text.split('.');
  const [header, claims] = [decode(head), decode(body)];
  const ours = createPrivateKey({ key: jwk, format: 'jwk' });
  const published = createPublicKey(ours);
  const { privateKey: theirs, publicKey: theirPublic } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const theirJwk = theirPublic.export({ format: 'jwk' });
  const unsigned = (alg: string, end = '') => `${encode({ ...header, alg })}.${body}.${end}`;
  const hmac = (secret: string | Buffer) => {
    const input = `${encode({ ...header, alg: 'HS256' })}.${body}`;
    return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
  };
  const headed = (changed: Json, key = ours) => forgeToken({ ...header, ...changed }, claims, key);
  const claimed = (changed: Json) => forgeToken(header, { ...claims, ...changed }, ours);
  const without = (name: string) => forgeToken(header, Object.fromEntries(Object.entries(claims).filter(([key]) => key !== name)), ours);
  const now = Math.floor(Date.now() / 1000);
  const { kty, crv, x, y } = jwk;
  const respelled = signature.slice(0, -1) + String.fromCharCode(signature.charCodeAt(signature.length - 1) + 1);
  return {
    'alg none': unsigned('none'),
    'alg none, signature kept': unsigned('none', signature),
    'alg NoNe': unsigned('NoNe'),
    'no alg': `${encode({ ...header, alg: undefined })}.${body}.${signature}`,
    'HS256 with the published key in PEM': hmac(published.export({ type: 'spki', format: 'pem' })),
    'HS256 with the published key in DER': hmac(published.export({ type: 'spki', format: 'der' })),
    'HS256 with the published JWK': hmac(JSON.stringify({ kty, crv, x, y })),
    'HS256 with no key': hmac(''),
    ES384: `${encode({ ...header, alg: 'ES384' })}.${body}.${signature}`,
    'another key': forgeToken(header, claims, theirs),
    'another key, brought as jwk': headed({ jwk: theirJwk }, theirs),
    'another key, brought as x5c': headed({ x5c: ['MIIB'] }, theirs),
    'another key, at a jku': headed({ jku: 'https://127.0.0.1:1/keys' }, theirs),
    'another key, at an x5u': headed({ x5u: 'https://127.0.0.1:1/keys' }, theirs),
    'kid a path': headed({ kid: '../../../../dev/null' }),
    'kid of SQL': headed({ kid: "x' OR '1'='1" }),
    'kid unknown': headed({ kid: randomUUID() }),
    'kid an object': headed({ kid: { $ne: null } }),
    'kid __proto__': headed({ kid: '__proto__' }),
    crit: headed({ crit: ['b64'], b64: false }),
    'another cty': headed({ cty: 'SCOPE' }),
    'no cty': headed({ cty: undefined }),
    'another typ': headed({ typ: 'at+jwt' }),
    'a header of one letter': forgeToken('x', claims, ours),
    'a header that is an array': forgeToken('[]', claims, ours),
    'another audience': claimed({ aud: 'tunnel:elsewhere' }),
    'no audience': without('aud'),
    expired: claimed({ exp: now - 1 }),
    'no exp': without('exp'),
    'exp infinite': forgeToken(header, JSON.stringify({ ...claims, exp: 0 }).replace('"exp":0', '"exp":1e999'), ours),
    'exp a text': claimed({ exp: String(now + 1000) }),
    'exp negative': claimed({ exp: -1 }),
    'exp a list': claimed({ exp: [now + 1000] }),
    'nbf ahead': claimed({ nbf: now + 600 }),
    'no nbf': without('nbf'),
    'a name of somebody else': claimed({ name: 'admin', jet_agent_name: 'admin', sub: 'admin', kind: 'admin' }),
    'claims that are no object': forgeToken(header, '"text"', ours),
    'claims that are null': forgeToken(header, 'null', ours),
    'claims that are no JSON': forgeToken(header, '{', ours),
    'a changed claim, the old signature': `${head}.${encode({ ...claims, more: 1 })}.${signature}`,
    'a signature of zeros': `${head}.${body}.${Buffer.alloc(64).toString('base64url')}`,
    'a signature that is short': `${head}.${body}.${signature.slice(4)}`,
    'a signature in DER': `${head}.${body}.${sign('sha256', Buffer.from(`${head}.${body}`), ours).toString('base64url')}`,
    'no signature': `${head}.${body}.`,
    'two parts': `${head}.${body}`,
    'a dot behind it': `${text}.`,
    'a dot before it': `.${text}`,
    'five parts': `${text}.${body}.${signature}`,
    'twice, one behind the other': `${text}.${text}`,
    'two signatures in JSON': JSON.stringify({ payload: body, signatures: [head, head].map((protectedHeader) => ({ protected: protectedHeader, signature })) }),
    'flattened JSON': JSON.stringify({ protected: head, payload: body, signature }),
    'the last letter respelled': `${head}.${body}.${respelled}`,
    'with padding': `${head}.${body}.${signature}==`,
    'with bits too many': `${head}.${body}.${signature}A`,
    'a letter of no alphabet': `${head}.${body}.${signature.slice(0, -1)}!`,
    'plain nonsense': 'nonsense',
    'only dots': '..',
    'a path': '../../../../etc/passwd',
    'ten thousand letters': 'A'.repeat(10_000),
  };
}

/** What the gateway itself might have signed, with claims that a one-time string has no room for: its row tells. */
export function alterationsOf(text: string, jwk: SigningJwk): Record<string, string> {
  const [head = '', body = ''] = text.split('.');
  const [header, claims] = [decode(head), decode(body)];
  const ours = createPrivateKey({ key: jwk, format: 'jwk' });
  const claimed = (changed: Json) => forgeToken(header, { ...claims, ...changed }, ours);
  const without = (name: string) => forgeToken(header, Object.fromEntries(Object.entries(claims).filter(([key]) => key !== name)), ours);
  return {
    'signed anew': claimed({}),
    'a list of audiences': claimed({ aud: [claims['aud'], 'tunnel:elsewhere'] }),
    'an issuer': claimed({ iss: 'https://evil.example' }),
    'exp in the year 9999': claimed({ exp: 253_402_300_799 }),
    'no jti': without('jti'),
    'an unknown jti': claimed({ jti: randomUUID() }),
    'jti of SQL': claimed({ jti: "' OR 1=1 --" }),
    'jti a list': claimed({ jti: [claims['jti']] }),
    'jti an object': claimed({ jti: { $gt: '' } }),
    'jti twice': forgeToken(header, JSON.stringify(claims).replace('{', `{"jti":"${randomUUID()}",`), ours),
    'jti in upper case': claimed({ jti: String(claims['jti']).toUpperCase() }),
    'a huge claim': claimed({ more: 'x'.repeat(7500) }),
    'nested a thousand deep': forgeToken(header, JSON.stringify(claims).replace('{', `{"more":${'['.repeat(1000)}${']'.repeat(1000)},`), ours),
    'a thousand claims': claimed(Object.fromEntries(Array.from({ length: 600 }, (_, index) => [`c${index}`, 1]))),
    '__proto__ as a claim': forgeToken(header, JSON.stringify(claims).replace('{', '{"__proto__":{"admin":true},'), ours),
  };
}
