// Brings a store to the schema of this program, forward only, all or nothing; a store of a newer program is refused.
import { type Kysely, sql } from 'kysely';
import { TunnelError } from '../base/errors.ts';
import { first } from './migrations/0001-first.ts';
import { tokenUses } from './migrations/0003-token-uses.ts';
import { expiryWarnings } from './migrations/0005-expiry-warnings.ts';
import { locks } from './migrations/0006-locks.ts';
import { auditChain } from './migrations/0008-audit-chain.ts';
import { policy } from './migrations/0010-policy.ts';
import { direct } from './migrations/0011-direct.ts';
import { sites } from './migrations/0011-sites.ts';
import { tunnels } from './migrations/0012-tunnels.ts';
import type { Schema } from './schema.ts';

/** Version n is reached by the first n. Only ever appended to. */
const MIGRATIONS: readonly (readonly string[])[] = [first, tokenUses, locks, auditChain, expiryWarnings, sites, tunnels, policy, direct];

/** Two programs at once: the second finds the work done. Error `store.newer`. */
export async function migrate(db: Kysely<Schema>, path: string): Promise<void> {
  if ((await versionOf(db)) === MIGRATIONS.length) return;
  await db.transaction().execute(async (transaction) => {
    const version = await versionOf(transaction);
    if (version > MIGRATIONS.length || version < 0) {
      throw new TunnelError('store.newer', `${path} has schema ${version}, this program knows ${MIGRATIONS.length}`, {
        hint: 'It was written by a newer tunnel: use that version again, or restore a backup made before the upgrade.',
      });
    }
    for (const statement of MIGRATIONS.slice(version).flat()) await sql.raw(statement).execute(transaction);
    await sql.raw(`pragma user_version = ${MIGRATIONS.length}`).execute(transaction);
  });
}

async function versionOf(db: Kysely<Schema>): Promise<number> {
  const { rows } = await sql<{ userVersion: number }>`pragma user_version`.execute(db);
  return rows[0]?.userVersion ?? 0;
}
