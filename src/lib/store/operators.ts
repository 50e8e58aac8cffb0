// Operators and their login credentials; of a credential only the hash is kept.
import type { Kysely, Selectable } from 'kysely';
import type { Clock } from '../base/world.ts';
import { readTextsOrNull, writeTextsOrNull } from './json-column.ts';
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
}

export type Credential = Readonly<CredentialsRow>;

export function operatorsTable(db: Kysely<Schema>, clock: Clock) {
  return {
    /** A name that is there keeps its id and takes the new kind, agents and targets. */
    async upsert({ id, name, kind, agents, targets }: Omit<Operator, 'createdAt'>): Promise<Operator> {
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
  };
}

export function credentialsTable(db: Kysely<Schema>, clock: Clock) {
  return {
    async insert({ hash, operatorId, expiresAt }: Pick<Credential, 'hash' | 'operatorId' | 'expiresAt'>): Promise<void> {
      await db.insertInto('credentials').values({ hash, operatorId, expiresAt, createdAt: clock.now(), revokedAt: null }).execute();
    },

    /** Undefined when it is unknown, expired or revoked. */
    async find(hash: string): Promise<{ credential: Credential; operator: Operator } | undefined> {
      const credential = await db
        .selectFrom('credentials')
        .selectAll()
        .where('hash', '=', hash)
        .where('revokedAt', 'is', null)
        .where('expiresAt', '>', clock.now())
        .executeTakeFirst();
      if (credential === undefined) return undefined;
      const row = await db.selectFrom('operators').selectAll().where('id', '=', credential.operatorId).executeTakeFirst();
      return row === undefined ? undefined : { credential, operator: operatorOf(row) };
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

function operatorOf(row: Selectable<OperatorsRow>): Operator {
  return { ...row, agents: readTextsOrNull(row.agents, 'operators.agents'), targets: readTextsOrNull(row.targets, 'operators.targets') };
}
