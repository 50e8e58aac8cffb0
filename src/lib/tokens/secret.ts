// Login credentials: random secrets that control keeps as hashes.
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/** Lets a person, and a scanner for leaked secrets, see what it is. */
const PREFIX = 'tunnel_login_';

/** 256 random bits. */
export function newCredential(): string {
  return `${PREFIX}${randomBytes(32).toString('base64url')}`;
}

/** SHA-256, lower-case hex: for secrets with enough randomness of their own, and for one-time strings. */
export function hashSecret(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** In constant time for any two texts. */
export function sameSecret(one: string, other: string): boolean {
  return timingSafeEqual(createHash('sha256').update(one).digest(), createHash('sha256').update(other).digest());
}
