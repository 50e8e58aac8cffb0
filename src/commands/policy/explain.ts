// Answers whether an operator may reach a target, and by which line, without connecting.
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { openAccess } from '../../lib/access/open.ts';
import type { Explanation } from '../../lib/api/policy.ts';
import { TunnelCommand } from '../../lib/cli/command.ts';
import { apiFlags } from '../../lib/cli/global-flags.ts';
import type { ResultShape } from '../../lib/cli/shape.ts';

export default class ExplainPolicy extends TunnelCommand<Explanation> {
  static override summary = "Say whether an operator may reach a target, and why. Runs on the gateway's machine, or anywhere for an admin who is logged in.";
  static override description =
    'Prints every agent that could carry the target, and the line that allows or denies it: of the login, of the policy, or of the agent. Nothing is connected.';
  static override examples = [
    '<%= config.bin %> policy explain --as alice db.corp.example:5432\nalice to db.corp.example:5432: allowed, through web1\n\nAGENT  ROUTE           RULE      STANDING  POLICY\nweb1   *.corp.example  wildcard  usable    operator alice: agent web1, ports 22,5432',
    '<%= config.bin %> policy explain --as alice 10.0.0.5:22 --agent web1 --json',
  ];
  static override args = { target: Args.string({ description: 'host:port or [v6]:port.', required: true, ignoreStdin: true }) };
  static override flags = {
    as: Flags.string({ summary: 'Name of the operator.', helpValue: 'NAME', required: true }),
    agent: Flags.string({ summary: 'Ask for this agent instead of the one that routing would choose.', helpValue: 'NAME' }),
    ...apiFlags,
  };
  static override result: ResultShape<Explanation> = (shapes) => shapes.Explanation;

  async run(): Promise<Explanation> {
    const { args, flags } = await this.parse(ExplainPolicy);
    const request = { as: flags.as, target: args.target, ...(flags.agent !== undefined && { agent: flags.agent }) };
    await using access = await openAccess({ dataDir: flags['data-dir'], configDir: this.configDir(flags) }, await this.world());
    const explained = await access.client.explainPolicy(request, this.interrupts.signal);
    const { candidates, decision, login, operator, target } = explained;
    if (!login) this.note(`warning: operator ${operator} has not logged in: judged by policy alone`);
    const verdict = whatFor(decision);
    this.log(`${operator} to ${target}: ${verdict}`, '');
    const rows = candidates.map(({ agent, route, rule, standing, policy }) => [agent, route ?? '', rule, standing, policy]);
    await this.table(['AGENT', 'ROUTE', 'RULE', 'STANDING', 'POLICY'], rows, 'no agent carries it');
    return explained;
  }
}

function whatFor(decision: Explanation['decision']): string {
  if (decision.via === 'agent') return `allowed, through ${decision.agent}`;
  return decision.via === 'direct' ? 'allowed, from the gateway itself' : `${decision.code}: ${decision.reason}`;
}
