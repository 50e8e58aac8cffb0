// Answers where a target would go, without connecting.
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { openAccess } from '../../lib/access/open.ts';
import type { Resolution } from '../../lib/api/contract.ts';
import { TunnelCommand } from '../../lib/cli/command.ts';
import { apiFlags, waitFlag } from '../../lib/cli/global-flags.ts';
import { parseWait } from '../../lib/cli/parse-wait.ts';
import type { ResultShape } from '../../lib/cli/shape.ts';
import { tryFor } from '../../lib/operator/try-for.ts';

export default class ResolveRoute extends TunnelCommand<Resolution> {
  static override summary = "Show which agent would carry a target, and why. Runs on the gateway's machine, or anywhere for someone logged in.";
  static override description = 'Prints every candidate in the order in which it would be tried, and the rule that chose. Nothing is connected.';
  static override examples = [
    '<%= config.bin %> route resolve db.corp.example:5432\ndb.corp.example:5432: through web1 by wildcard *.corp.example\n\nAGENT  SITE  ROUTE           RULE      STANDING  POLICY\nweb1   -     *.corp.example  wildcard  usable    operator alice: agent web1, ports 22,5432',
    '<%= config.bin %> route resolve 10.0.0.5:3389 --json',
  ];
  static override args = { target: Args.string({ description: 'host:port or [v6]:port.', required: true, ignoreStdin: true }) };
  static override flags = {
    ...apiFlags,
    ...waitFlag,
    agent: Flags.string({ summary: 'Ask for this agent instead of the one that routing would choose.', helpValue: 'NAME' }),
    site: Flags.string({ summary: 'Where the target stands, if the same range is at several sites; as HOST:PORT@SITE.', helpValue: 'NAME' }),
  };
  static override result: ResultShape<Resolution> = (shapes) => shapes.Resolution;

  async run(): Promise<Resolution> {
    const { args, flags } = await this.parse(ResolveRoute);
    const waitMs = parseWait(flags.wait);
    const world = await this.world();
    const { signal } = this.interrupts;
    const request = {
      target: args.target,
      ...(flags.agent === undefined ? {} : { agent: flags.agent }),
      ...(flags.site === undefined ? {} : { site: flags.site }),
    };
    const resolve = async () => {
      await using access = await openAccess({ dataDir: flags['data-dir'], configDir: this.configDir(flags) }, world);
      return await access.client.resolve(request, signal);
    };
    const resolution = await tryFor(waitMs, resolve, world.clock, signal);
    this.log(`${resolution.target}: ${describeDecision(resolution.decision)}`, '');
    await this.table(['AGENT', 'SITE', 'ROUTE', 'RULE', 'STANDING', 'POLICY'], resolution.candidates.map(cells), 'no candidates');
    return resolution;
  }
}

function cells({ agent, route, rule, standing, policy, failed_lately: failed, site }: Resolution['candidates'][number]): string[] {
  return [agent, site ?? '', route ?? '', rule, failed === null ? standing : `${standing}, failed lately: ${failed}`, policy];
}

function describeDecision(decision: Resolution['decision']): string {
  if (decision.via === 'none') return decision.reason;
  if (decision.via === 'direct') return `direct from the gateway to ${decision.addresses.join(', ')} by ${decision.network}`;
  return `through ${decision.agent} by ${decision.rule}${decision.route === null ? '' : ` ${decision.route}`}`;
}
