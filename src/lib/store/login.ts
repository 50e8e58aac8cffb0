// Login as the store sees it: string spent, operator and credential written, audited, all in one transaction, or nothing of it.
import { LIMITS } from '../base/limits.ts';
import type { Store, Tables } from './open.ts';
import type { Operator } from './operators.ts';
import { isUnique } from './store-error.ts';
import { tokenState } from './tokens.ts';

export interface LoginRequest {
  readonly tokenId: string;
  readonly tokenHash: string;
  /** For an operator that is new; one that is replaced keeps its own. */
  readonly operatorId: string;
  /** Of the secret that whoever logs in has made. */
  readonly credentialHash: string;
  /** Who asks, for the audit log: an address. */
  readonly remote: string;
}

export type LoginRefusal = 'unknown' | 'used' | 'revoked' | 'locked' | 'expired' | 'name-taken' | 'credential-taken';

export type Login =
  | { readonly outcome: 'logged-in'; readonly operator: Operator; readonly expiresAt: number }
  /** The same credential again, soon after: the first answer may have been lost on the way. */
  | { readonly outcome: 'repeated'; readonly operator: Operator; readonly expiresAt: number }
  /** The string is as it was, and nothing was written. Towards outside they look the same. */
  | { readonly outcome: 'refused'; readonly reason: LoginRefusal };

/** Of any number of requests with one string, from any number of processes on one file, exactly one credential is made. Errors: those of `Store`. */
export async function login(store: Pick<Store, 'transaction'>, request: LoginRequest): Promise<Login> {
  try {
    return await store.transaction((tables) => loginIn(tables, request));
  } catch (error) {
    if (error instanceof Refusal) return { outcome: 'refused', reason: error.reason };
    if (isUnique(error, 'credentials.hash')) return { outcome: 'refused', reason: 'credential-taken' };
    throw error;
  }
}

/** Undoes the transaction. */
class Refusal extends Error {
  readonly reason: LoginRefusal;
  constructor(reason: LoginRefusal) {
    super(reason);
    this.reason = reason;
  }
}

async function loginIn(tables: Tables, request: LoginRequest): Promise<Login> {
  const { tokenId, tokenHash, credentialHash, remote } = request;
  const token = await tables.tokens.spend(tokenId, tokenHash, ['operator', 'admin']);
  if (token === undefined || token.kind === 'agent') return await repeat(tables, request);

  const known = await tables.operators.byName(token.name);
  if (known?.lock) throw new Refusal('locked');
  if (known && !token.replaces) throw new Refusal('name-taken');
  const { name, kind, agents, targets } = token;
  const operator = await tables.operators.upsert({ id: request.operatorId, name, kind, agents, targets });
  const expiresAt = tables.now() + (token.credentialMs ?? 0);
  await tables.credentials.insert({ hash: credentialHash, operatorId: operator.id, tokenId, expiresAt });
  await tables.audit.append({
    code: 'operator.logged-in',
    actor: `token:${tokenId}`,
    subject: `operator:${name}`,
    detail: { kind, agents, targets, remote, expires_at: new Date(expiresAt).toISOString() },
  });
  return { outcome: 'logged-in', operator, expiresAt };
}

/** Whoever logs in may have been cut off before it heard that it had: the same credential gets the same answer for a while, any other nothing. */
async function repeat(tables: Tables, { tokenId, tokenHash, credentialHash }: LoginRequest): Promise<Login> {
  const now = tables.now();
  const token = await tables.tokens.byId(tokenId);
  if (token === undefined || token.hash !== tokenHash || token.kind === 'agent') throw new Refusal('unknown');
  const state = tokenState(token, now);
  const found = await tables.credentials.find(credentialHash);
  if (found?.lock) throw new Refusal('locked');
  if (state !== 'revoked' && found?.credential.tokenId === tokenId && now - found.credential.createdAt < LIMITS.enrolmentRepeatMs) {
    return { outcome: 'repeated', operator: found.operator, expiresAt: found.credential.expiresAt };
  }
  throw new Refusal(state === 'open' ? 'unknown' : state);
}
