// Control's signing keys: made, kept as JSON (signing-keys.json), and published without their private half as a JWKS (RFC 7517).
import { generateKeyPairSync } from 'node:crypto';
import { z } from 'zod';
import { TunnelError } from '../base/errors.ts';

const coordinate = z.string().regex(/^[A-Za-z0-9_-]{43}$/);
const VerifyingKey = z.object({ kty: z.literal('EC'), crv: z.literal('P-256'), kid: z.string().min(1).max(64), x: coordinate, y: coordinate });
const SigningKey = z.object({ ...VerifyingKey.shape, d: coordinate });

/** A JWK of an ECDSA P-256 key: the public half. */
export type VerifyingKey = Readonly<z.infer<typeof VerifyingKey>>;
/** With `d`, the secret. */
export type SigningKey = Readonly<z.infer<typeof SigningKey>>;

/** `kid` only has to differ from those of the other keys; a UUID does. */
export function newSigningKey(kid: string): SigningKey {
  return SigningKey.parse({ ...generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' }), kid });
}

/** For the file: the first key signs, all of them verify. */
export function writeSigningKeys(keys: readonly [SigningKey, ...SigningKey[]]): string {
  return `${JSON.stringify({ keys }, null, 2)}\n`;
}

/** Error `file.corrupt`. */
export function readSigningKeys(text: string): readonly [SigningKey, ...SigningKey[]] {
  const [first, ...others] = readKeys(text, SigningKey, 'the signing keys');
  if (first === undefined) throw new TunnelError('file.corrupt', 'the signing keys hold no key');
  return [first, ...others];
}

/** What agents get (`session_keys`): a JWKS as JSON text, without any private half. */
export function publicKeys(keys: readonly VerifyingKey[]): string {
  return JSON.stringify({ keys: keys.map(({ kty, crv, kid, x, y }) => ({ kty, crv, kid, x, y, use: 'sig', alg: 'ES256' })) });
}

/** Of such a text; keys of kinds that we do not know are an error too. Error `file.corrupt`. */
export function readPublicKeys(jwksJson: string): readonly VerifyingKey[] {
  return readKeys(jwksJson, VerifyingKey, 'the session keys');
}

function readKeys<Key>(text: string, key: z.ZodType<Key>, what: string): Key[] {
  try {
    return z.object({ keys: z.array(key).max(16) }).parse(JSON.parse(text)).keys;
  } catch {
    // No cause: it could quote a private key.
    throw new TunnelError('file.corrupt', `${what} are not a JWKS of P-256 keys`);
  }
}
