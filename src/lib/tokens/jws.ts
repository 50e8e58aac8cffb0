// Signs and verifies everything that control issues: compact JWS (RFC 7515), ES256 only, one purpose never taken for another. jose is loaded at the first of them.
import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import type { JWTPayload } from 'jose';
import { z } from 'zod';
import { type ErrorCode, TunnelError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { SigningKey, VerifyingKey } from './signing-keys.ts';

/** What keeps tokens apart: `cty` and `aud` must both be right. */
export interface Purpose {
  readonly cty: string;
  readonly audience: string;
  /** Whether the header names its key. An enrolment string must not: stock gateways take a `kid` for a subkey (reference.md, 2). */
  readonly keyed: boolean;
  /** One answer to whatever is wrong, so that nobody learns which tokens exist; the cause is for the log. */
  readonly refusal: { readonly code: ErrorCode; readonly message: string };
}

/** Milliseconds since 1970. */
export interface Times {
  readonly now: number;
  readonly expiresAt: number;
}

/** A verifier's clock may be behind, and ours may be set back. */
const BACKDATED_S = 300;

/** Error `limit.reached` where the claims are too much for an HTTP header. */
export async function sign(purpose: Purpose, claims: JWTPayload, key: SigningKey, { now, expiresAt }: Times): Promise<string> {
  const { SignJWT } = await import('jose');
  const text = await new SignJWT(claims)
    .setProtectedHeader({ alg: 'ES256', typ: 'JWT', cty: purpose.cty, ...(purpose.keyed && { kid: key.kid }) })
    .setAudience(purpose.audience)
    .setNotBefore(seconds(now) - BACKDATED_S)
    .setExpirationTime(seconds(expiresAt))
    .sign(createPrivateKey({ key, format: 'jwk' }));
  if (text.length > LIMITS.tokenCharacters)
    throw new TunnelError('limit.reached', `the token would be longer than ${LIMITS.tokenCharacters} characters`, { hint: 'Name fewer targets.' });
  return text;
}

/** The claims, once signature, purpose and times were found good. `toleranceMs`: how far the clock of another machine may be off. */
export async function verify<Claims>(
  purpose: Purpose,
  schema: z.ZodType<Claims>,
  text: string,
  keys: readonly VerifyingKey[],
  { now, toleranceMs = 0 }: { now: number; toleranceMs?: number },
): Promise<Claims> {
  try {
    if (text.length > LIMITS.tokenCharacters || !isCompactJws(text)) throw new Error('not a compact JWS');
    const { decodeProtectedHeader, jwtVerify } = await import('jose');
    const candidates = candidatesFor(purpose, decodeProtectedHeader(text), keys);
    const options = {
      algorithms: ['ES256'],
      audience: purpose.audience,
      currentDate: new Date(now),
      clockTolerance: toleranceMs / 1000,
      requiredClaims: ['exp', 'nbf'],
    };
    const { payload } = await firstThatVerifies(candidates, (key) => jwtVerify(text, opened(key), options));
    return schema.parse(payload);
  } catch (cause) {
    throw new TunnelError(purpose.refusal.code, purpose.refusal.message, { cause: inOneLine(cause) });
  }
}

/** What zod found wrong is a page of JSON. */
function inOneLine(cause: unknown): unknown {
  return cause instanceof z.ZodError
    ? new Error(
        z
          .prettifyError(cause)
          .replaceAll(/[✖\s]+/g, ' ')
          .trim(),
        { cause },
      )
    : cause;
}

/** Three parts, each in the one spelling of its bytes: a string that was altered is never the same token. */
function isCompactJws(text: string): boolean {
  const parts = text.split('.');
  return parts.length === 3 && parts.every((part) => part !== '' && Buffer.from(part, 'base64url').toString('base64url') === part);
}

/** The keys that may have signed it. A header that says more or other than ours (`alg`, `jku`, `jwk`, `crit`...) is refused before any key is tried. */
function candidatesFor({ cty, keyed }: Purpose, header: unknown, keys: readonly VerifyingKey[]): readonly VerifyingKey[] {
  const ours = { alg: z.literal('ES256'), typ: z.literal('JWT'), cty: z.literal(cty) };
  if (!keyed) {
    z.strictObject(ours).parse(header);
    return keys;
  }
  const { kid } = z.strictObject({ ...ours, kid: z.string() }).parse(header);
  return keys.filter((key) => key.kid === kid);
}

async function firstThatVerifies<Verified>(keys: readonly VerifyingKey[], attempt: (key: VerifyingKey) => Promise<Verified>): Promise<Verified> {
  let reason: unknown = new Error('signed by no key of ours');
  for (const key of keys) {
    try {
      return await attempt(key);
    } catch (error) {
      reason = error;
    }
  }
  throw reason;
}

/** Importing a JWK took 100 us of the 260 that a check took: done once for each key. */
const openedKeys = new WeakMap<VerifyingKey, KeyObject>();

function opened(key: VerifyingKey): KeyObject {
  const known = openedKeys.get(key) ?? createPublicKey({ key, format: 'jwk' });
  openedKeys.set(key, known);
  return known;
}

/** NumericDate of RFC 7519: whole seconds. */
function seconds(ms: number): number {
  return Math.floor(ms / 1000);
}
