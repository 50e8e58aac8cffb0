// The one line that an operator or administrator logs in with: a one-time token that is exchanged for a credential.
import { z } from 'zod';
import { nameClaim, pinClaim, secondsClaim, tlsClaim, urlClaim, uuidClaim } from './claim-shapes.ts';
import { type Purpose, sign, type Times, verify } from './jws.ts';
import type { SigningKey, VerifyingKey } from './signing-keys.ts';
import { malformed, parseClaims, readUnverified } from './unverified.ts';

const PURPOSE: Purpose = {
  cty: 'LOGIN',
  audience: 'tunnel:login',
  keyed: false,
  refusal: { code: 'string.refused', message: 'the login string is unknown, used, revoked or expired' },
};
const WHAT = 'a login string';

const Claims = z.object({
  jti: uuidClaim,
  exp: secondsClaim,
  url: urlClaim,
  name: nameClaim,
  kind: z.enum(['operator', 'admin']),
  ca_spki_sha256: pinClaim,
  tls: tlsClaim,
});

export interface LoginClaims {
  /** The `jti`: which row of the store is spent. */
  readonly tokenId: string;
  readonly gatewayUrl: string;
  readonly name: string;
  readonly kind: 'operator' | 'admin';
  readonly caSpkiSha256: string;
  readonly tls: 'tunnel' | 'public';
}

export interface ReadableLogin extends LoginClaims {
  /** The string as it is sent. */
  readonly text: string;
  /** Ms since 1970. */
  readonly expiresAt: number;
}

export function mintLogin(claims: LoginClaims, key: SigningKey, times: Times): Promise<string> {
  const { tokenId, gatewayUrl, name, kind, caSpkiSha256, tls } = claims;
  return sign(PURPOSE, { jti: tokenId, url: gatewayUrl, name, kind, ca_spki_sha256: caSpkiSha256, tls }, key, times);
}

/** Verifies nothing. Error `string.malformed`. */
export function readLogin(given: string): ReadableLogin {
  const { text, header, payload } = readUnverified(given, WHAT);
  if (header['cty'] === 'ENROLLMENT')
    throw malformed('this is an enrolment string, not a login string', 'Agents use it: tunnel agent enroll --token-file FILE');
  if (header['cty'] !== PURPOSE.cty) throw malformed(`this is not ${WHAT}`);
  const claims = parseClaims(Claims, payload, WHAT);
  return { ...factsOf(claims), text, expiresAt: claims.exp * 1000 };
}

/** Signature, purpose and times; whether it was spent is for the store to say. Error `string.refused`, the same for every reason. */
export async function verifyLogin(text: string, keys: readonly VerifyingKey[], now: number): Promise<LoginClaims> {
  return factsOf(await verify(PURPOSE, Claims, text, keys, { now }));
}

function factsOf({ jti, url, name, kind, ca_spki_sha256, tls }: z.infer<typeof Claims>): LoginClaims {
  return { tokenId: jti, gatewayUrl: url, name, kind, caSpkiSha256: ca_spki_sha256, tls };
}
