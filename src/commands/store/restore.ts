// Makes a gateway's folder out of a backup.
import * as Flags from '@oclif/core/flags';
import { TunnelCommand } from '../../lib/cli/command.ts';
import { dataDirFlag } from '../../lib/cli/global-flags.ts';
import type { ResultShape } from '../../lib/cli/shape.ts';
import { type BackupFacts, restore } from '../../lib/gateway/backup.ts';

export default class RestoreStore extends TunnelCommand<BackupFacts> {
  static override summary = "Make a gateway's state folder out of a backup. Runs on the gateway's machine.";
  static override description =
    'Every file is checked against the backup first. The folder must not hold a gateway. What happened after the backup is not in it: agents that enrolled since are unknown, and what was revoked or locked since must be revoked or locked again.';
  static override examples = [
    '<%= config.bin %> store restore --from /backup/gw-2026-01-31 --data-dir gw\nrestored as it was at 2026-01-31T21:06:06.000Z\nWhat was revoked or locked after that moment is not: do it again.',
  ];
  static override flags = {
    ...dataDirFlag,
    from: Flags.string({ summary: 'The folder that tunnel store backup wrote.', helpValue: 'DIR', required: true }),
  };
  static override result: ResultShape<BackupFacts> = ({ z, time }) => z.object({ directory: z.string(), made_at: time, files: z.array(z.string()) });

  async run(): Promise<BackupFacts> {
    const { flags } = await this.parse(RestoreStore);
    const facts = await restore(flags.from, this.dataDir(flags), await this.world());
    this.log(`restored as it was at ${facts.made_at}`);
    this.note('What was revoked or locked after that moment is not: do it again.');
    return facts;
  }
}
