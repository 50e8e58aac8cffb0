// Removes an agent from the gateway for good.
import * as Args from '@oclif/core/args';
import { openAccess } from '../../lib/access/open.ts';
import { TunnelCommand } from '../../lib/cli/command.ts';
import { apiFlags } from '../../lib/cli/global-flags.ts';
import type { Shapes, Shown } from '../../lib/cli/shape.ts';

const result = ({ z, name }: Shapes) => z.object({ deleted: name });

export default class DeleteAgent extends TunnelCommand<Shown<typeof result>> {
  static override summary =
    "Delete an agent: its certificates and keys are refused for ever and its link is cut. Runs on the gateway's machine, or anywhere for an admin.";
  static override examples = ['<%= config.bin %> agent delete web1 --data-dir gw\ndeleted web1'];
  static override args = { agent: Args.string({ description: 'Name or id of the agent.', required: true, ignoreStdin: true }) };
  static override flags = { ...apiFlags };
  static override result = result;

  async run(): Promise<Shown<typeof result>> {
    const { args, flags } = await this.parse(DeleteAgent);
    await using access = await openAccess({ dataDir: flags['data-dir'], configDir: this.configDir(flags) }, await this.world());
    await access.client.deleteAgent(args.agent, this.interrupts.signal);
    this.log(`deleted ${args.agent}`);
    return { deleted: args.agent };
  }
}
