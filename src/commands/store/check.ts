// Judges the database of a gateway.
import { TunnelCommand } from '../../lib/cli/command.ts';
import { dataDirFlag } from '../../lib/cli/global-flags.ts';
import { checkGatewayStore } from '../../lib/gateway/backup.ts';

interface Result {
  schema: number;
  faults: readonly string[];
}

export default class CheckStore extends TunnelCommand<Result> {
  static override summary = "Check a gateway's database for damage. Runs on the gateway's machine, also while the gateway runs.";
  static override description = 'Changes nothing. A damaged file is exit code 1. The audit log has a check of its own: tunnel audit verify.';
  static override examples = ['<%= config.bin %> store check --data-dir gw'];
  static override flags = dataDirFlag;

  async run(): Promise<Result> {
    const { flags } = await this.parse(CheckStore);
    const { version, faults } = await checkGatewayStore(this.dataDir(flags), await this.world());
    this.log(`sound; schema ${version}`);
    return { schema: version, faults };
  }
}
