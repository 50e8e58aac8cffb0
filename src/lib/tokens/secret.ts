// Login credentials: random secrets that control keeps as hashes.
import { createHash, randomBytes } from 'node:crypto';

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
