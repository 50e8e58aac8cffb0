// What an operator's client shows at CONNECT: minutes long, for one operator and the targets that were granted.
import { z } from 'zod';
import { nameClaim, secondsClaim, targetClaim, uuidClaim } from './claim-shapes.ts';
import { type Purpose, sign, type Times, verify } from './jws.ts';
import type { SigningKey, VerifyingKey } from './signing-keys.ts';

const PURPOSE: Purpose = {
  cty: 'SESSION',
  audience: 'tunnel:connect',
  keyed: true,
  refusal: { code: 'session.refused', message: 'the session token is invalid or has expired' },
};

const Claims = z.object({
  sub: nameClaim,
  sid: uuidClaim.optional(),
  targets: z.array(targetClaim).min(1),
  agent: nameClaim.optional(),
  site: nameClaim.optional(),
  alternates: z.array(targetClaim).default([]),
  cred: z.string().min(1).max(128).optional(),
  exp: secondsClaim,
});

export interface SessionTokenClaims {
  readonly operatorId: string;
  readonly sessionId?: string | undefined;
  /** Canonical; `["*"]` is whatever policy allows. */
  readonly targets: readonly string[];
  /** The name of an explicit agent. */
  readonly agent?: string | undefined;
  /** The site of what names none. */
  readonly site?: string | undefined;
  /** Canonical, in order. */
  readonly alternates: readonly string[];
  /** Which login it comes from, so that it ends with it; absent for the administrator of this machine. */
  readonly credentialId?: string | undefined;
}

/** Error `limit.reached`: too many or too long targets for an HTTP header. */
export function mintSessionToken(claims: SessionTokenClaims, key: SigningKey, times: Times): Promise<string> {
  const { operatorId, sessionId, targets, agent, site, alternates, credentialId } = claims;
  return sign(PURPOSE, { sub: operatorId, sid: sessionId, targets, agent, site, alternates, cred: credentialId }, key, times);
}

/** Error `session.refused`, the same for every reason. `expiresAt` in ms. */
export async function verifySessionToken(
  text: string,
  keys: readonly VerifyingKey[],
  now: number,
): Promise<SessionTokenClaims & { readonly expiresAt: number }> {
  const { sub, sid, targets, agent, site, alternates, cred, exp } = await verify(PURPOSE, Claims, text, keys, { now });
  return { operatorId: sub, sessionId: sid, targets, agent, site, alternates, credentialId: cred, expiresAt: exp * 1000 };
}
