// Strings that were minted: their list, what is known of one, and their end.
import type { z } from 'zod';
import type { TokenList, TokenQuery, TokenRow, TokensFound, TokensRevoked } from '../../api/tokens.ts';
import { TunnelError } from '../../base/errors.ts';
import { type Token, tokenState } from '../../store/tokens.ts';
import { actorOf, assertAdmin, type Caller } from './caller.ts';
import type { ControlContext } from './context.ts';
import { shownLock } from './may-open.ts';

export async function listTokens({ store, world }: ControlContext, caller: Caller, query: z.output<typeof TokenQuery>): Promise<TokenList> {
  assertAdmin(caller);
  const { after, ...wanted } = query;
  const { rows, next } = await store.tokens.list({ ...wanted, after: after ?? null });
  return { tokens: rows.map((token) => rowOf(token, world.clock.now())), next };
}

/** `which`: a name, an id, or `sha256:` and the hash of the string, so that the string itself does not travel. Error `token.unknown`. */
export async function findTokens({ store, world }: ControlContext, caller: Caller, which: string): Promise<TokensFound> {
  assertAdmin(caller);
  return { tokens: (await find(store, which)).map((token) => rowOf(token, world.clock.now())) };
}

/** The strings alone: what they were used for stays, and has its own end. Error `token.unknown`. */
export async function revokeTokens({ store, world }: ControlContext, caller: Caller, which: string): Promise<TokensRevoked> {
  assertAdmin(caller);
  return store.transaction(async (tables) => {
    const found = await find(tables, which);
    for (const { id, kind, name, uses } of found) {
      if (await tables.tokens.revoke(id))
        await tables.audit.append({ code: 'token.revoked', actor: actorOf(caller), subject: `token:${id}`, detail: { kind, name, uses } });
    }
    return { revoked: found.map((token) => rowOf(token, world.clock.now())) };
  });
}

async function find({ tokens }: Pick<ControlContext['store'], 'tokens'>, which: string): Promise<Token[]> {
  const hash = /^sha256:([0-9a-f]{64})$/.exec(which)?.[1];
  const found = await tokens.find(hash === undefined ? { nameOrId: which } : { hash });
  if (found.length > 0) return found;
  const what = hash === undefined ? `there is no string ${which.slice(0, 80)}` : 'this gateway did not mint this string';
  throw new TunnelError('token.unknown', what, { hint: 'tunnel token list shows those there are.' });
}

function rowOf(token: Token, now: number): TokenRow {
  const { id, kind, name, createdBy, uses, maxUses, replaces, ephemeral, routes } = token;
  return {
    id,
    kind,
    name,
    state: tokenState(token, now),
    created_at: new Date(token.createdAt).toISOString(),
    created_by: createdBy,
    expires_at: new Date(token.expiresAt).toISOString(),
    used_at: token.usedAt === null ? null : new Date(token.usedAt).toISOString(),
    uses,
    max_uses: maxUses,
    replaces,
    ephemeral,
    routes: [...routes],
    ports: token.ports?.slice() ?? null,
    sources: token.sources?.slice() ?? null,
    agents: token.agents?.slice() ?? null,
    targets: token.targets?.slice() ?? null,
    site: token.site,
    lock: shownLock(token.lock),
  };
}
