// Removes an operator from the gateway for good.
import * as Args from '@oclif/core/args';
import { openAccess } from '../../lib/access/open.ts';
import type { CutAnswer } from '../../lib/api/locks.ts';
import { TunnelCommand } from '../../lib/cli/command.ts';
import { cutText } from '../../lib/cli/cut-text.ts';
import { apiFlags } from '../../lib/cli/global-flags.ts';

interface Deleted {
  readonly deleted: string;
  readonly cut: CutAnswer;
}

export default class DeleteOperator extends TunnelCommand<Deleted> {
  static override summary =
    "Delete an operator: logins end, strings not used yet are revoked, connections are cut. Runs on the gateway's machine, or anywhere for an admin.";
  static override description = 'The name is free afterwards. To cut an operator for a while only, lock it: tunnel lock operator NAME.';
  static override examples = ['<%= config.bin %> operator delete alice --data-dir gw'];
  static override args = { operator: Args.string({ description: 'Name of the operator.', required: true, ignoreStdin: true }) };
  static override flags = { ...apiFlags };

  async run(): Promise<Deleted> {
    const { args, flags } = await this.parse(DeleteOperator);
    await using access = await openAccess({ dataDir: flags['data-dir'], configDir: this.configDir(flags) }, await this.world());
    const cut = await access.client.deleteOperator(args.operator, this.interrupts.signal);
    this.log(`deleted ${args.operator}, ${cutText(cut)}`);
    return { deleted: args.operator, cut };
  }
}
