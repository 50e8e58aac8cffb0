// Login as the store sees it: a token is spent for a credential, once.

import type { Store } from './open.ts';
import type { Operator } from './operators.ts';
import { tokenState } from './tokens.ts';

export interface LoginRequest {
  readonly tokenId: string;
  readonly tokenHash: string;
  /** For an operator that is new. */
  readonly operatorId: string;
  readonly credentialHash: string;
  /** Where the token names no lifetime, in ms. */
  readonly defaultCredentialMs: number;
  /** Who asks, for the audit log: an address. */
  readonly actor: string;
}

export type Login =
  | { readonly outcome: 'logged-in'; readonly operator: Operator; readonly expiresAt: number }
  /** Towards outside they look the same. */
  | { readonly outcome: 'refused'; readonly reason: 'unknown' | 'used' | 'revoked' | 'locked' | 'expired' };

/** Of any number of requests with one token exactly one logs in. Refusals are audited too. */
export async function login(store: Store, request: LoginRequest): Promise<Login> {
  const { tokenId, tokenHash, actor } = request;
  return store.transaction(async (tables): Promise<Login> => {
    const token = await tables.tokens.spend(tokenId, tokenHash, ['operator', 'admin']);
    if (token === undefined || token.kind === 'agent') {
      const found = await tables.tokens.byId(tokenId);
      const state = found === undefined || found.hash !== tokenHash ? 'open' : tokenState(found, tables.now());
      const reason = state === 'open' ? 'unknown' : state;
      await tables.audit.append({ code: 'operator.login-refused', actor, subject: `token:${tokenId}`, detail: { reason } });
      return { outcome: 'refused', reason };
    }
    const operator = await tables.operators.upsert({
      id: request.operatorId,
      name: token.name,
      kind: token.kind,
      agents: token.agents,
      targets: token.targets,
    });
    const expiresAt = tables.now() + (token.credentialMs ?? request.defaultCredentialMs);
    await tables.credentials.insert({ hash: request.credentialHash, operatorId: operator.id, tokenId, expiresAt });
    await tables.audit.append({
      code: 'operator.logged-in',
      actor,
      subject: `operator:${operator.name}`,
      detail: { token_id: tokenId, kind: operator.kind, expires_at: new Date(expiresAt).toISOString() },
    });
    return { outcome: 'logged-in', operator, expiresAt };
  });
}
