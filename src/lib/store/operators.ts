// Operators and their login credentials; of a credential only the hash is kept.
import type { Kysely, Selectable } from 'kysely';
import type { Clock } from '../base/world.ts';
import { readTextsOrNull, writeTextsOrNull } from './json-column.ts';
import { type Lock, lockColumns, lockOf } from './lock.ts';
import { type Page, type PageRequest, pageOf } from './page.ts';
import type { CredentialsRow, OperatorsRow, Schema } from './schema.ts';

export interface Operator {
  readonly id: string;
  readonly name: string;
  readonly kind: OperatorsRow['kind'];
  /** Names of the agents that it may reach; null: all. */
  readonly agents: readonly string[] | null;
  /** Scopes of targets that it may reach, in canonical text; null: all. */
  readonly targets: readonly string[] | null;
  readonly createdAt: number;
  readonly lock: Lock | null;
}

export type Credential = Readonly<CredentialsRow>;

export function operatorsTable(db: Kysely<Schema>, clock: Clock) {
  return {
    /** A name that is there keeps its id and takes the new kind, agents and targets. */
    async upsert({ id, name, kind, agents, targets }: Omit<Operator, 'createdAt' | 'lock'>): Promise<Operator> {
      const granted = { kind, agents: writeTextsOrNull(agents), targets: writeTextsOrNull(targets) };
      const row = await db
        .insertInto('operators')
        .values({ id, name, ...granted, createdAt: clock.now() })
        .onConflict((conflict) => conflict.column('name').doUpdateSet(granted))
        .returningAll()
        .executeTakeFirstOrThrow();
      return operatorOf(row);
    },

    async byId(id: string): Promise<Operator | undefined> {
      const row = await db.selectFrom('operators').selectAll().where('id', '=', id).executeTakeFirst();
      return row === undefined ? undefined : operatorOf(row);
    },

    async byName(name: string): Promise<Operator | undefined> {
      const row = await db.selectFrom('operators').selectAll().where('name', '=', name).executeTakeFirst();
      return row === undefined ? undefined : operatorOf(row);
    },

    /** By name. */
    async list({ after, limit }: PageRequest): Promise<Page<Operator>> {
      let query = db
        .selectFrom('operators')
        .selectAll()
        .orderBy('name')
        .limit(limit + 1);
      if (after !== null) query = query.where('name', '>', after);
      return pageOf((await query.execute()).map(operatorOf), limit, ({ name }) => name);
    },

    /** Undefined when there is no such operator. */
    async setLock(id: string, lock: Lock | null): Promise<Operator | undefined> {
      const row = await db.updateTable('operators').set(lockColumns(lock)).where('id', '=', id).returningAll().executeTakeFirst();
      return row === undefined ? undefined : operatorOf(row);
    },

    /** With its credentials and the rows of its sessions: those that are live are to be ended before. */
    async delete(id: string): Promise<void> {
      await db.deleteFrom('operators').where('id', '=', id).execute();
    },
  };
}

/** A credential that is good, and what keeps it from being used: the lock of its operator or of the string that it came from. */
export interface FoundCredential {
  readonly credential: Credential;
  readonly operator: Operator;
  readonly lock: Lock | null;
}

export function credentialsTable(db: Kysely<Schema>, clock: Clock) {
  return {
    async insert({ hash, operatorId, tokenId, expiresAt }: Pick<Credential, 'hash' | 'operatorId' | 'tokenId' | 'expiresAt'>): Promise<void> {
      await db.insertInto('credentials').values({ hash, operatorId, tokenId, expiresAt, createdAt: clock.now(), revokedAt: null }).execute();
    },

    /** Undefined when it is unknown, expired or revoked. */
    async find(hash: string): Promise<FoundCredential | undefined> {
      const credential = await db
        .selectFrom('credentials')
        .selectAll()
        .where('hash', '=', hash)
        .where('revokedAt', 'is', null)
        .where('expiresAt', '>', clock.now())
        .executeTakeFirst();
      if (credential === undefined) return undefined;
      const row = await db.selectFrom('operators').selectAll().where('id', '=', credential.operatorId).executeTakeFirst();
      if (row === undefined) return undefined;
      const operator = operatorOf(row);
      return { credential, operator, lock: operator.lock ?? (await this.lockOfToken(credential.tokenId)) };
    },

    async lockOfToken(tokenId: string | null): Promise<Lock | null> {
      const token =
        tokenId === null ? undefined : await db.selectFrom('tokens').select(['lockedAt', 'lockReason']).where('id', '=', tokenId).executeTakeFirst();
      return token === undefined ? null : lockOf(token);
    },

    /** Every login of an operator. */
    async revokeOf(operatorId: string): Promise<void> {
      await db.updateTable('credentials').set({ revokedAt: clock.now() }).where('operatorId', '=', operatorId).where('revokedAt', 'is', null).execute();
    },

    /** Operators that logged in with this string. */
    async operatorsOf(tokenId: string): Promise<string[]> {
      const rows = await db.selectFrom('credentials').select('operatorId').distinct().where('tokenId', '=', tokenId).execute();
      return rows.map(({ operatorId }) => operatorId);
    },

    /** False when it was revoked before or never was. */
    async revoke(hash: string): Promise<boolean> {
      const row = await db
        .updateTable('credentials')
        .set({ revokedAt: clock.now() })
        .where('hash', '=', hash)
        .where('revokedAt', 'is', null)
        .returning('hash')
        .executeTakeFirst();
      return row !== undefined;
    },
  };
}

function operatorOf({ lockedAt, lockReason, ...row }: Selectable<OperatorsRow>): Operator {
  return {
    ...row,
    agents: readTextsOrNull(row.agents, 'operators.agents'),
    targets: readTextsOrNull(row.targets, 'operators.targets'),
    lock: lockOf({ lockedAt, lockReason }),
  };
}
