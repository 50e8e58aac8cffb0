// Changes what an agent may carry.
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { openAccess } from '../../lib/access/open.ts';
import type { AgentChanged } from '../../lib/api/agents.ts';
import { TunnelError } from '../../lib/base/errors.ts';
import { commaList } from '../../lib/cli/comma-list.ts';
import { TunnelCommand } from '../../lib/cli/command.ts';
import { apiFlags } from '../../lib/cli/global-flags.ts';
import type { ResultShape } from '../../lib/cli/shape.ts';

const SETTINGS = ['routes', 'ports', 'site', 'weight', 'on-offline'] as const;

export default class SetAgent extends TunnelCommand<AgentChanged> {
  static override summary = "Change what an agent may carry, and how it stands among the others. Runs on the gateway's machine, or anywhere for an admin.";
  static override description =
    'Changes only what is named, and replaces it: give the whole list; an empty one takes all away. The agent is told at once, and connections that no longer fit are cut.';
  static override examples = [
    '<%= config.bin %> agent set web1 --ports 22,3389\nweb1 may carry 10.0.0.0/24, *.corp.example, ports 22, 3389; no site, weight 100, next when offline',
    '<%= config.bin %> agent set web1 --site berlin --weight 200 --on-offline fail',
    "<%= config.bin %> agent set web1 --routes '10.0.0.0/24,*.corp.example' --data-dir gw",
  ];
  static override args = { agent: Args.string({ description: 'Name or id of the agent.', required: true, ignoreStdin: true }) };
  static override flags = {
    routes: Flags.string({ summary: 'Networks and names that the agent may serve, with commas.', helpValue: 'LIST' }),
    ports: Flags.string({ summary: 'Ports that may be reached through the agent, with commas; ranges as 1-1024.', helpValue: 'LIST' }),
    site: Flags.string({ summary: 'Where it stands, if the same networks are at several sites; an empty name takes it from its site.', helpValue: 'NAME' }),
    weight: Flags.integer({
      summary: 'Among agents with equal routes the larger goes first, 0 to 1000; 100 where not set.',
      helpValue: 'N',
      min: 0,
      max: 1000,
    }),
    'on-offline': Flags.option({
      summary: 'While nobody who has one of its routes is online: go on with the next route that fits, or fail.',
      options: ['next', 'fail'] as const,
    })(),
    ...apiFlags,
  };
  static override result: ResultShape<AgentChanged> = (shapes) => shapes.AgentChanged;

  async run(): Promise<AgentChanged> {
    const { args, flags } = await this.parse(SetAgent);
    if (SETTINGS.every((setting) => flags[setting] === undefined))
      throw new TunnelError('usage.missing-value', 'nothing to change', { hint: `Give one of ${SETTINGS.map((setting) => `--${setting}`).join(', ')}.` });
    const change = {
      ...(flags.routes !== undefined && { routes: commaList(flags.routes) }),
      ...(flags.ports !== undefined && { ports: commaList(flags.ports) }),
      ...(flags.site !== undefined && { site: flags.site === '' ? null : flags.site }),
      ...(flags.weight !== undefined && { weight: flags.weight }),
      ...(flags['on-offline'] !== undefined && { on_offline: flags['on-offline'] }),
    };
    await using access = await openAccess({ dataDir: flags['data-dir'], configDir: this.configDir(flags) }, await this.world());
    const agent = await access.client.changeAgent(args.agent, change, this.interrupts.signal);
    for (const warning of agent.warnings) this.note(`warning: ${warning}`);
    const standing = `${agent.site === null ? 'no site' : `site ${agent.site}`}, weight ${agent.weight}, ${agent.on_offline} when offline`;
    this.log(`${agent.name} may carry ${agent.allowed_routes.join(', ') || 'no routes'}, ports ${agent.ports.join(', ') || 'none'}; ${standing}`);
    return agent;
  }
}
