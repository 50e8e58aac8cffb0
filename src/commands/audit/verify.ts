// Judges the hash chain of a gateway's audit log.
import { openAccess } from '../../lib/access/open.ts';
import { type AuditVerdict, verifyAudit } from '../../lib/api/verify-audit.ts';
import { TunnelError } from '../../lib/base/errors.ts';
import { TunnelCommand } from '../../lib/cli/command.ts';
import { apiFlags } from '../../lib/cli/global-flags.ts';
import type { ResultShape } from '../../lib/cli/shape.ts';

const SHOWN = 10;

export default class VerifyAudit extends TunnelCommand<AuditVerdict> {
  static override summary = "Verify the audit log's hash chain. Runs on the gateway's machine, or anywhere for an admin who is logged in.";
  static override description =
    'Every row is read and checked on this side. A row that was edited, removed or moved is named by its number, exit code 1. Whoever rewrites the whole log changes the head: compare it with one that was noted elsewhere.';
  static override examples = [
    '<%= config.bin %> audit verify --data-dir gw\n77 rows, none edited, missing or moved\nhead: row 77, 3e1a68c2387e0e9607aa03cfa2dad6fe48ab2e2f4b3e2a9568e1e8511db40b2b',
    '<%= config.bin %> audit verify --json',
  ];
  static override flags = apiFlags;
  static override result: ResultShape<AuditVerdict> = ({ z }) =>
    z.object({
      rows: z.int(),
      unchained: z.int(),
      faults: z.array(z.object({ seq: z.int(), what: z.enum(['edited', 'missing', 'out of order', 'without a hash']) })),
      head: z.object({ seq: z.int(), hash: z.string() }).nullable(),
    });

  async run(): Promise<AuditVerdict> {
    const { flags } = await this.parse(VerifyAudit);
    await using access = await openAccess({ dataDir: flags['data-dir'], configDir: this.configDir(flags) }, await this.world());
    const verdict = await verifyAudit(access.client, this.interrupts.signal);
    const { rows, unchained, faults, head } = verdict;
    if (faults.length > 0) {
      const shown = faults.slice(0, SHOWN).map(({ seq, what }) => `row ${seq} ${what}`);
      throw new TunnelError('audit.broken', `the audit log was changed: ${shown.join(', ')}${faults.length > SHOWN ? ' and more' : ''}`, {
        hint: 'Compare with a backup or with what was sent elsewhere; keep the file as it is for whoever looks into it.',
      });
    }
    this.log(`${rows} rows, none edited, missing or moved${unchained > 0 ? `; the first ${unchained} are older than the chain` : ''}`);
    if (head) this.log(`head: row ${head.seq}, ${head.hash}`);
    return verdict;
  }
}
