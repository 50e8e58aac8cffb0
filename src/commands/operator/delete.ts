// Removes an operator from the gateway for good.
import * as Args from '@oclif/core/args';
import { openAccess } from '../../lib/access/open.ts';
import { TunnelCommand } from '../../lib/cli/command.ts';
import { cutText } from '../../lib/cli/cut-text.ts';
import { apiFlags } from '../../lib/cli/global-flags.ts';
import type { Shapes, Shown } from '../../lib/cli/shape.ts';

const result = ({ z, CutAnswer, name }: Shapes) => z.object({ deleted: name, cut: CutAnswer });

export default class DeleteOperator extends TunnelCommand<Shown<typeof result>> {
  static override summary =
    "Delete an operator: logins end, strings not used yet are revoked, connections are cut. Runs on the gateway's machine, or anywhere for an admin.";
  static override description = 'The name is free afterwards. To cut an operator for a while only, lock it: tunnel lock operator NAME.';
  static override examples = ['<%= config.bin %> operator delete alice --data-dir gw\ndeleted alice, cut 1 session'];
  static override args = { operator: Args.string({ description: 'Name of the operator.', required: true, ignoreStdin: true }) };
  static override flags = { ...apiFlags };
  static override result = result;

  async run(): Promise<Shown<typeof result>> {
    const { args, flags } = await this.parse(DeleteOperator);
    await using access = await openAccess({ dataDir: flags['data-dir'], configDir: this.configDir(flags) }, await this.world());
    const cut = await access.client.deleteOperator(args.operator, this.interrupts.signal);
    this.log(`deleted ${args.operator}, ${cutText(cut)}`);
    return { deleted: args.operator, cut };
  }
}
