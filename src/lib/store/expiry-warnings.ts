// Whose certificate was last said to be about to end, and when.
import type { Kysely } from 'kysely';
import type { Clock } from '../base/world.ts';
import type { Schema } from './schema.ts';

export function expiryWarningsTable(db: Kysely<Schema>, clock: Clock) {
  return {
    /** True for one caller in `everyMs`. A note from the future, where the clock was set back, counts for nothing. */
    async claim(agentId: string, everyMs: number): Promise<boolean> {
      const now = clock.now();
      const claimed = await db
        .insertInto('expiryWarnings')
        .values({ agentId, warnedAt: now })
        .onConflict((conflict) =>
          conflict
            .column('agentId')
            .doUpdateSet({ warnedAt: now })
            .where((where) => where.or([where('expiryWarnings.warnedAt', '<=', now - everyMs), where('expiryWarnings.warnedAt', '>', now)])),
        )
        .returning('agentId')
        .executeTakeFirst();
      return claimed !== undefined;
    },
  };
}
