// The certificates that were issued to agents, and which of them still let an agent in.
import type { Kysely } from 'kysely';
import { TunnelError } from '../base/errors.ts';
import type { Clock } from '../base/world.ts';
import type { CertificatesRow, Schema } from './schema.ts';

export type Certificate = Readonly<CertificatesRow>;
export type NewCertificate = Omit<Certificate, 'revokedAt'>;

export function certificatesTable(db: Kysely<Schema>, clock: Clock) {
  return {
    /** Errors: `csr.refused` for a key that was revoked; StoreError, primary key on `certificates.serial`, foreign key where the agent is unknown. */
    async insert(certificate: NewCertificate): Promise<void> {
      const revoked = await db.selectFrom('revokedKeys').select('spkiSha256').where('spkiSha256', '=', certificate.spkiSha256).executeTakeFirst();
      if (revoked)
        throw new TunnelError('csr.refused', 'the certificate request is refused: its key was revoked', { hint: 'Enrol again: that makes a new key.' });
      await db
        .insertInto('certificates')
        .values({ ...certificate, revokedAt: null })
        .execute();
    },

    /** The certificate that a peer showed, when id, serial and key are as issued, none of them is revoked and its agent is active and not locked. Never by its bytes: an ECDSA signature has a second form that is as good. */
    async admissible(shown: Pick<Certificate, 'agentId' | 'serial' | 'spkiSha256'>): Promise<Certificate | undefined> {
      return db
        .selectFrom('certificates')
        .innerJoin('agents', 'agents.id', 'certificates.agentId')
        .selectAll('certificates')
        .where('certificates.serial', '=', shown.serial)
        .where('certificates.agentId', '=', shown.agentId)
        .where('certificates.spkiSha256', '=', shown.spkiSha256)
        .where((where) => where.or([where('certificates.revokedAt', 'is', null), where('certificates.revokedAt', '>', clock.now())]))
        .where('agents.state', '=', 'active')
        .where('agents.lockedAt', 'is', null)
        .where(({ not, exists, selectFrom }) =>
          not(exists(selectFrom('revokedKeys').select('revokedKeys.spkiSha256').whereRef('revokedKeys.spkiSha256', '=', 'certificates.spkiSha256'))),
        )
        .executeTakeFirst();
    },

    /** All that were ever issued, revoked and expired ones too. */
    async count(): Promise<number> {
      const { many } = await db
        .selectFrom('certificates')
        .select(({ fn }) => fn.countAll<number>().as('many'))
        .executeTakeFirstOrThrow();
      return many;
    },

    /** Whose key is this? Every agent that ever had a certificate for it, deleted ones too. */
    async holdersOf(spkiSha256: string): Promise<string[]> {
      const rows = await db.selectFrom('certificates').select('agentId').distinct().where('spkiSha256', '=', spkiSha256).execute();
      return rows.map(({ agentId }) => agentId);
    },

    /** The newest certificate of each agent that is not revoked. */
    async newestOf(agentIds: readonly string[]): Promise<Map<string, Certificate>> {
      if (agentIds.length === 0) return new Map();
      const rows = await db
        .selectFrom('certificates')
        .selectAll()
        .where('agentId', 'in', agentIds)
        .where('revokedAt', 'is', null)
        .orderBy('notAfter')
        .execute();
      return new Map(rows.map((row) => [row.agentId, row]));
    },

    /** What was issued to the agent before this one and has no end but its own. */
    async before({ agentId, serial, notBefore }: Pick<Certificate, 'agentId' | 'serial' | 'notBefore'>): Promise<Certificate[]> {
      return db
        .selectFrom('certificates')
        .selectAll()
        .where('agentId', '=', agentId)
        .where('serial', '<>', serial)
        .where('notBefore', '<', notBefore)
        .where('revokedAt', 'is', null)
        .execute();
    },

    /** Ends one certificate at `at` (ms), unless it ends already. */
    async revoke(serial: string, at: number): Promise<void> {
      await db.updateTable('certificates').set({ revokedAt: at }).where('serial', '=', serial).where('revokedAt', 'is', null).execute();
    },

    /** For ever: every certificate of an agent and every key that it had, under whatever serial they are shown. Call this in a transaction. */
    async revokeKeysOf(agentId: string): Promise<void> {
      await this.revokeOf(agentId);
      const revokedAt = clock.now();
      await db
        .insertInto('revokedKeys')
        .columns(['spkiSha256', 'agentId', 'revokedAt'])
        .expression((from) =>
          from
            .selectFrom('certificates')
            .select(({ val }) => ['spkiSha256', 'agentId', val(revokedAt).as('revokedAt')])
            .distinct()
            .where('agentId', '=', agentId),
        )
        .onConflict((conflict) => conflict.column('spkiSha256').doNothing())
        .execute();
    },

    /** Ends every certificate of an agent but `exceptSerial`, now or at `at` (ms), whichever comes first. */
    async revokeOf(agentId: string, { exceptSerial = '', at = clock.now() }: { exceptSerial?: string; at?: number } = {}): Promise<void> {
      await db
        .updateTable('certificates')
        .set({ revokedAt: at })
        .where('agentId', '=', agentId)
        .where('serial', '<>', exceptSerial)
        .where((where) => where.or([where('revokedAt', 'is', null), where('revokedAt', '>', at)]))
        .execute();
    },
  };
}
