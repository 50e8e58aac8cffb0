// One-time tokens of enrolment and login: spent by one statement, so that of any number of racing requests one wins.
import type { Kysely, Selectable } from 'kysely';
import type { Clock } from '../base/world.ts';
import { readTexts, readTextsOrNull, writeTextsOrNull } from './json-column.ts';
import { type Page, type PageRequest, pageOf } from './page.ts';
import type { Schema, TokensRow } from './schema.ts';

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
  readonly usedAt: number | null;
  readonly usedBy: string | null;
  readonly answer: string | null;
  readonly revokedAt: number | null;
}

export type NewToken = Omit<Token, 'createdAt' | 'usedAt' | 'usedBy' | 'answer' | 'revokedAt'>;
export type TokenState = 'open' | 'used' | 'revoked' | 'expired';
export type TokenKind = Token['kind'];

/** For lists and for the log; towards outside all but open look the same. */
export function tokenState(token: Pick<Token, 'usedAt' | 'revokedAt' | 'expiresAt'>, now: number): TokenState {
  if (token.revokedAt !== null) return 'revoked';
  if (token.usedAt !== null) return 'used';
  return token.expiresAt > now ? 'open' : 'expired';
}

export function tokensTable(db: Kysely<Schema>, clock: Clock) {
  return {
    /** StoreError: primary key on `tokens.id`. */
    async insert({ routes, ports, agents, replaces, ...rest }: NewToken): Promise<Token> {
      const row = await db
        .insertInto('tokens')
        .values({
          ...rest,
          routes: JSON.stringify(routes),
          ports: writeTextsOrNull(ports),
          agents: writeTextsOrNull(agents),
          replaces: replaces ? 1 : 0,
          createdAt: clock.now(),
        })
        .returningAll()
        .executeTakeFirstOrThrow();
      return tokenOf(row);
    },

    /** Takes the token for good. Undefined when it is unknown, used, revoked, expired, of another kind, or the string is not the one that was minted. */
    async spend(id: string, hash: string, kinds: readonly TokenKind[], usedBy: string | null = null): Promise<Token | undefined> {
      const now = clock.now();
      const row = await db
        .updateTable('tokens')
        .set({ usedAt: now, usedBy })
        .where('id', '=', id)
        .where('hash', '=', hash)
        .where('kind', 'in', kinds)
        .where('usedAt', 'is', null)
        .where('revokedAt', 'is', null)
        .where('expiresAt', '>', now)
        .returningAll()
        .executeTakeFirst();
      return row === undefined ? undefined : tokenOf(row);
    },

    /** Kept for a repeat of the same request; in the transaction that spent it. */
    async keepAnswer(id: string, answer: string): Promise<void> {
      await db.updateTable('tokens').set({ answer }).where('id', '=', id).execute();
    },

    async byId(id: string): Promise<Token | undefined> {
      const row = await db.selectFrom('tokens').selectAll().where('id', '=', id).executeTakeFirst();
      return row === undefined ? undefined : tokenOf(row);
    },

    /** In the order of minting. */
    async list({ after, limit }: PageRequest): Promise<Page<Token>> {
      let query = db
        .selectFrom('tokens')
        .selectAll()
        .orderBy('createdAt')
        .orderBy('id')
        .limit(limit + 1);
      const [, createdAt, id] = /^(\d{1,15})~(.+)$/.exec(after ?? '') ?? [];
      if (id !== undefined) {
        query = query.where((where) =>
          where.or([where('createdAt', '>', Number(createdAt)), where.and([where('createdAt', '=', Number(createdAt)), where('id', '>', id)])]),
        );
      }
      return pageOf((await query.execute()).map(tokenOf), limit, (token) => `${token.createdAt}~${token.id}`);
    },

    /** Undefined when it is unknown, used or revoked already. */
    async revoke(id: string): Promise<Token | undefined> {
      const row = await db
        .updateTable('tokens')
        .set({ revokedAt: clock.now() })
        .where('id', '=', id)
        .where('usedAt', 'is', null)
        .where('revokedAt', 'is', null)
        .returningAll()
        .executeTakeFirst();
      return row === undefined ? undefined : tokenOf(row);
    },
  };
}

function tokenOf(row: Selectable<TokensRow>): Token {
  return {
    ...row,
    routes: readTexts(row.routes, 'tokens.routes'),
    ports: readTextsOrNull(row.ports, 'tokens.ports'),
    agents: readTextsOrNull(row.agents, 'tokens.agents'),
    replaces: row.replaces === 1,
  };
}
