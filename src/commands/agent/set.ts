// Changes what an agent may carry.
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { openAccess } from '../../lib/access/open.ts';
import type { AgentChanged } from '../../lib/api/contract.ts';
import { TunnelError } from '../../lib/base/errors.ts';
import { commaList } from '../../lib/cli/comma-list.ts';
import { TunnelCommand } from '../../lib/cli/command.ts';
import { apiFlags } from '../../lib/cli/global-flags.ts';

export default class SetAgent extends TunnelCommand<AgentChanged> {
  static override summary = "Change the routes and ports that an agent may carry. Runs on the gateway's machine, or anywhere for an admin.";
  static override description =
    'Changes only what is named, and replaces it: give the whole list; an empty one takes all away. The agent is told at once, and connections that no longer fit are cut.';
  static override examples = [
    '<%= config.bin %> agent set web1 --ports 22,3389',
    "<%= config.bin %> agent set web1 --routes '10.0.0.0/24,*.corp.example' --data-dir gw",
  ];
  static override args = { agent: Args.string({ description: 'Name or id of the agent.', required: true, ignoreStdin: true }) };
  static override flags = {
    routes: Flags.string({ summary: 'Networks and names that the agent may serve, with commas.', helpValue: 'LIST' }),
    ports: Flags.string({ summary: 'Ports that may be reached through the agent, with commas; ranges as 1-1024.', helpValue: 'LIST' }),
    ...apiFlags,
  };

  async run(): Promise<AgentChanged> {
    const { args, flags } = await this.parse(SetAgent);
    if (flags.routes === undefined && flags.ports === undefined)
      throw new TunnelError('usage.missing-value', 'nothing to change', { hint: 'Give --routes or --ports.' });
    const change = {
      ...(flags.routes !== undefined && { routes: commaList(flags.routes) }),
      ...(flags.ports !== undefined && { ports: commaList(flags.ports) }),
    };
    await using access = await openAccess({ dataDir: flags['data-dir'], configDir: this.configDir(flags) }, await this.world());
    const agent = await access.client.changeAgent(args.agent, change, this.interrupts.signal);
    for (const warning of agent.warnings) this.note(`warning: ${warning}`);
    this.log(`${agent.name} may carry ${agent.allowed_routes.join(', ') || 'no routes'}, ports ${agent.ports.join(', ') || 'none'}`);
    return agent;
  }
}
