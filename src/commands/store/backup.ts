// Copies everything that a gateway is.
import * as Flags from '@oclif/core/flags';
import { TunnelCommand } from '../../lib/cli/command.ts';
import { dataDirFlag } from '../../lib/cli/global-flags.ts';
import type { ResultShape } from '../../lib/cli/shape.ts';
import { type BackupFacts, backUp } from '../../lib/gateway/backup.ts';

export default class BackUpStore extends TunnelCommand<BackupFacts> {
  static override summary = "Copy a gateway's keys, configuration and database into a folder. Runs on the gateway's machine, also while the gateway runs.";
  static override description =
    'The database is copied as it is at one moment. The copy holds the private keys of the gateway: keep it as safe as the gateway itself. Its file backup.json is written last; a copy without it is not complete.';
  static override examples = ['<%= config.bin %> store backup --data-dir gw --out /backup/gw-2026-01-31\n8 files in /backup/gw-2026-01-31'];
  static override flags = {
    ...dataDirFlag,
    out: Flags.string({ summary: 'The folder to make; it must not hold anything.', helpValue: 'DIR', required: true }),
  };
  static override result: ResultShape<BackupFacts> = ({ z, time }) => z.object({ directory: z.string(), made_at: time, files: z.array(z.string()) });

  async run(): Promise<BackupFacts> {
    const { flags } = await this.parse(BackUpStore);
    const facts = await backUp(this.dataDir(flags), flags.out, await this.world());
    this.log(`${facts.files.length} files in ${facts.directory}`);
    return facts;
  }
}
