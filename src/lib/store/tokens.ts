// Tokens of enrolment and login: a use is taken by one statement, so that of any number of racing requests no more win than there are uses.
import type { ExpressionBuilder, Kysely, Selectable } from 'kysely';
import type { Clock } from '../base/world.ts';
import { readTexts, readTextsOrNull, writeTextsOrNull } from './json-column.ts';
import { type Lock, lockColumns, lockOf } from './lock.ts';
import { type Page, type PageRequest, pageOf } from './page.ts';
import type { Schema, TokensRow, TokenUsesRow } from './schema.ts';

export interface Token {
  /** The `jti`. */
  readonly id: string;
  readonly kind: TokensRow['kind'];
  readonly name: string;
  /** SHA-256 of the string, lower-case hex: the string itself is never kept. */
  readonly hash: string;
  readonly routes: readonly string[];
  readonly ports: readonly string[] | null;
  /** Names of agents; null: all. */
  readonly agents: readonly string[] | null;
  /** `--replace`: enrols the name again, with its id. */
  readonly replaces: boolean;
  /** How long the credential of a login lives. */
  readonly credentialMs: number | null;
  readonly createdAt: number;
  readonly createdBy: string;
  readonly expiresAt: number;
  /** How often it works: 1 but for agents. */
  readonly maxUses: number;
  readonly uses: number;
  /** The last time. */
  readonly usedAt: number | null;
  /** The agents that it makes vanish when they go. */
  readonly ephemeral: boolean;
  /** Networks that may enrol with it, in canonical text; null: all. */
  readonly sources: readonly string[] | null;
  /** Targets that its operator may reach, in canonical text; null: all. */
  readonly targets: readonly string[] | null;
  /** Where its agents stand; null: at no site. */
  readonly site: string | null;
  readonly revokedAt: number | null;
  readonly lock: Lock | null;
}

export type TokenUse = Readonly<TokenUsesRow>;
export type NewToken = Omit<Token, 'createdAt' | 'uses' | 'usedAt' | 'revokedAt' | 'lock' | 'site'> & Partial<Pick<Token, 'site'>>;
export type TokenState = 'open' | 'used' | 'revoked' | 'locked' | 'expired';
export type TokenKind = Token['kind'];

/** For lists and for the log; towards outside all but open look the same. `used`: no use is left. */
export function tokenState(token: Pick<Token, 'uses' | 'maxUses' | 'revokedAt' | 'lock' | 'expiresAt'>, now: number): TokenState {
  if (token.revokedAt !== null) return 'revoked';
  if (token.lock !== null) return 'locked';
  if (token.uses >= token.maxUses) return 'used';
  return token.expiresAt > now ? 'open' : 'expired';
}

export function tokensTable(db: Kysely<Schema>, clock: Clock) {
  return {
    /** StoreError: primary key on `tokens.id`. */
    async insert({ routes, ports, agents, replaces, ephemeral, sources, targets, ...rest }: NewToken): Promise<Token> {
      const row = await db
        .insertInto('tokens')
        .values({
          ...rest,
          routes: JSON.stringify(routes),
          ports: writeTextsOrNull(ports),
          agents: writeTextsOrNull(agents),
          replaces: replaces ? 1 : 0,
          uses: 0,
          ephemeral: ephemeral ? 1 : 0,
          sources: writeTextsOrNull(sources),
          targets: writeTextsOrNull(targets),
          createdAt: clock.now(),
        })
        .returningAll()
        .executeTakeFirstOrThrow();
      return tokenOf(row);
    },

    /** Takes one use for good. Undefined when it is unknown, used up, revoked, locked, expired, of another kind, or the string is not the one that was minted. */
    async spend(id: string, hash: string, kinds: readonly TokenKind[]): Promise<Token | undefined> {
      const now = clock.now();
      const row = await db
        .updateTable('tokens')
        .set(({ eb }) => ({ uses: eb('uses', '+', 1), usedAt: now }))
        .where('id', '=', id)
        .where('hash', '=', hash)
        .where('kind', 'in', kinds)
        .whereRef('uses', '<', 'maxUses')
        .where('revokedAt', 'is', null)
        .where('lockedAt', 'is', null)
        .where('expiresAt', '>', now)
        .returningAll()
        .executeTakeFirst();
      return row === undefined ? undefined : tokenOf(row);
    },

    /** What a use gave, for a repeat of the same request; in the transaction that spent it. StoreError: primary key on `token_uses`, one use a key. */
    async keepUse(use: Omit<TokenUse, 'usedAt'>): Promise<void> {
      await db
        .insertInto('tokenUses')
        .values({ ...use, usedAt: clock.now() })
        .execute();
    },

    /** What this key got from this token. */
    async useOf(tokenId: string, usedBy: string): Promise<TokenUse | undefined> {
      return db.selectFrom('tokenUses').selectAll().where('tokenId', '=', tokenId).where('usedBy', '=', usedBy).executeTakeFirst();
    },

    async byId(id: string): Promise<Token | undefined> {
      const row = await db.selectFrom('tokens').selectAll().where('id', '=', id).executeTakeFirst();
      return row === undefined ? undefined : tokenOf(row);
    },

    /** Those of a name; where none has it, the one with that id or hash. */
    async find({ nameOrId = '', hash = '' }: { readonly nameOrId?: string; readonly hash?: string }): Promise<Token[]> {
      const rows = await db
        .selectFrom('tokens')
        .selectAll()
        .where((where) => where.or([where('name', '=', nameOrId), where('id', '=', nameOrId), where('hash', '=', hash)]))
        .orderBy('createdAt')
        .orderBy('id')
        .execute();
      const named = rows.filter(({ name }) => name === nameOrId);
      return (named.length > 0 ? named : rows).map(tokenOf);
    },

    /** In the order of minting. */
    async list({
      after,
      limit,
      kind,
      state,
    }: PageRequest & { readonly kind?: TokenKind | undefined; readonly state?: TokenState | undefined }): Promise<Page<Token>> {
      let query = db
        .selectFrom('tokens')
        .selectAll()
        .orderBy('createdAt')
        .orderBy('id')
        .limit(limit + 1);
      if (kind !== undefined) query = query.where('kind', '=', kind);
      if (state !== undefined) query = query.where((where) => isIn(state, where, clock.now()));
      const [, createdAt, id] = /^(\d{1,15})~(.+)$/.exec(after ?? '') ?? [];
      if (id !== undefined) {
        query = query.where((where) =>
          where.or([where('createdAt', '>', Number(createdAt)), where.and([where('createdAt', '=', Number(createdAt)), where('id', '>', id)])]),
        );
      }
      return pageOf((await query.execute()).map(tokenOf), limit, (token) => `${token.createdAt}~${token.id}`);
    },

    async setLock(id: string, lock: Lock | null): Promise<void> {
      await db.updateTable('tokens').set(lockColumns(lock)).where('id', '=', id).execute();
    },

    /** Strings of these kinds for this very name that nobody has used yet, so not those for many agents; their ids. */
    async revokeOpen(name: string, kinds: readonly TokenKind[]): Promise<string[]> {
      const rows = await db
        .updateTable('tokens')
        .set({ revokedAt: clock.now() })
        .where('name', '=', name)
        .where('kind', 'in', kinds)
        .where('maxUses', '=', 1)
        .where('uses', '=', 0)
        .where('revokedAt', 'is', null)
        .returning('id')
        .execute();
      return rows.map(({ id }) => id);
    },

    /** Used up or not: a repeat of its last use is refused, too. Undefined when it is unknown or revoked already. */
    async revoke(id: string): Promise<Token | undefined> {
      const row = await db
        .updateTable('tokens')
        .set({ revokedAt: clock.now() })
        .where('id', '=', id)
        .where('revokedAt', 'is', null)
        .returningAll()
        .executeTakeFirst();
      return row === undefined ? undefined : tokenOf(row);
    },
  };
}

/** `tokenState` in SQL. */
function isIn(state: TokenState, where: ExpressionBuilder<Schema, 'tokens'>, now: number) {
  if (state === 'revoked') return where('revokedAt', 'is not', null);
  if (state === 'locked') return where.and([where('revokedAt', 'is', null), where('lockedAt', 'is not', null)]);
  const kept = where.and([where('revokedAt', 'is', null), where('lockedAt', 'is', null)]);
  if (state === 'used') return where.and([kept, where('uses', '>=', where.ref('maxUses'))]);
  return where.and([kept, where('uses', '<', where.ref('maxUses')), where('expiresAt', state === 'open' ? '>' : '<=', now)]);
}

function tokenOf({ lockedAt, lockReason, ...row }: Selectable<TokensRow>): Token {
  return {
    ...row,
    lock: lockOf({ lockedAt, lockReason }),
    routes: readTexts(row.routes, 'tokens.routes'),
    ports: readTextsOrNull(row.ports, 'tokens.ports'),
    agents: readTextsOrNull(row.agents, 'tokens.agents'),
    replaces: row.replaces === 1,
    ephemeral: row.ephemeral === 1,
    sources: readTextsOrNull(row.sources, 'tokens.sources'),
    targets: readTextsOrNull(row.targets, 'tokens.targets'),
  };
}
