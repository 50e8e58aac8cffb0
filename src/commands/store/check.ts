// Judges the database of a gateway.
import { TunnelCommand } from '../../lib/cli/command.ts';
import { dataDirFlag } from '../../lib/cli/global-flags.ts';
import type { Shapes, Shown } from '../../lib/cli/shape.ts';
import { checkGatewayStore } from '../../lib/gateway/backup.ts';

const result = ({ z }: Shapes) => z.object({ schema: z.int(), faults: z.array(z.string()).readonly() });

export default class CheckStore extends TunnelCommand<Shown<typeof result>> {
  static override summary = "Check a gateway's database for damage. Runs on the gateway's machine, also while the gateway runs.";
  static override description = 'Changes nothing. A damaged file is exit code 1. The audit log has a check of its own: tunnel audit verify.';
  static override examples = ['<%= config.bin %> store check --data-dir gw\nsound; schema 9'];
  static override flags = dataDirFlag;
  static override result = result;

  async run(): Promise<Shown<typeof result>> {
    const { flags } = await this.parse(CheckStore);
    const { version, faults } = await checkGatewayStore(this.dataDir(flags), await this.world());
    this.log(`sound; schema ${version}`);
    return { schema: version, faults };
  }
}
