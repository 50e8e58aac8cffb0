// Strings that were minted: their list, and their end before they were used.
import type { TokenList } from '../../api/contract.ts';
import { TunnelError } from '../../base/errors.ts';
import { tokenState } from '../../store/tokens.ts';
import { actorOf, assertAdmin, type Caller } from './caller.ts';
import type { ControlContext } from './context.ts';

export async function listTokens(
  { store, world }: ControlContext,
  caller: Caller,
  { after, limit }: { readonly after?: string | undefined; readonly limit: number },
): Promise<TokenList> {
  assertAdmin(caller);
  const { rows, next } = await store.tokens.list({ after: after ?? null, limit });
  const now = world.clock.now();
  const tokens = rows.map((token) => ({
    id: token.id,
    kind: token.kind,
    name: token.name,
    state: tokenState(token, now),
    created_at: new Date(token.createdAt).toISOString(),
    expires_at: new Date(token.expiresAt).toISOString(),
    used_at: token.usedAt === null ? null : new Date(token.usedAt).toISOString(),
  }));
  return { tokens, next };
}

/** Errors `token.unknown`, also for one that was used: what came of it is revoked by deleting the agent. */
export async function revokeToken({ store }: ControlContext, caller: Caller, id: string): Promise<void> {
  assertAdmin(caller);
  await store.transaction(async (tables) => {
    const revoked = await tables.tokens.revoke(id);
    if (!revoked)
      throw new TunnelError('token.unknown', `there is no open token ${id.slice(0, 80)}`, { hint: 'A string that was used is ended by deleting its agent.' });
    await tables.audit.append({ code: 'token.revoked', actor: actorOf(caller), subject: `token:${id}`, detail: { kind: revoked.kind, name: revoked.name } });
  });
}
