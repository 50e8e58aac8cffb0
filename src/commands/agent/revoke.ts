// Takes an agent's certificates back.
import * as Args from '@oclif/core/args';
import { openAccess } from '../../lib/access/open.ts';
import { TunnelCommand } from '../../lib/cli/command.ts';
import { cutText } from '../../lib/cli/cut-text.ts';
import { apiFlags, reasonFlag, reasonOf } from '../../lib/cli/global-flags.ts';
import type { Shapes, Shown } from '../../lib/cli/shape.ts';

const result = ({ z, CutAnswer, name }: Shapes) => z.object({ revoked: name, cut: CutAnswer });

export default class RevokeAgent extends TunnelCommand<Shown<typeof result>> {
  static override summary =
    "Revoke an agent: its certificates and keys are refused for ever and its link is cut. Runs on the gateway's machine, or anywhere for an admin.";
  static override description =
    'Name, routes and ports stay. The machine comes back by enrolling again, with a new key: tunnel token mint --kind agent --name NAME --replace. ' +
    'To cut an agent for a while only, lock it; to be rid of it, delete it.';
  static override examples = [
    "<%= config.bin %> agent revoke web1 --reason 'laptop stolen, ticket 4711'\nrevoked web1, cut 1 link, 1 session",
    '<%= config.bin %> agent revoke web1 --data-dir gw',
  ];
  static override args = { agent: Args.string({ description: 'Name or id of the agent.', required: true, ignoreStdin: true }) };
  static override flags = { ...reasonFlag, ...apiFlags };
  static override result = result;

  async run(): Promise<Shown<typeof result>> {
    const { args, flags } = await this.parse(RevokeAgent);
    await using access = await openAccess({ dataDir: flags['data-dir'], configDir: this.configDir(flags) }, await this.world());
    const cut = await access.client.revokeAgent(args.agent, reasonOf(flags), this.interrupts.signal);
    this.log(`revoked ${args.agent}, ${cutText(cut)}`);
    return { revoked: args.agent, cut };
  }
}
