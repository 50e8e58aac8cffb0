// What another policy would have refused or allowed of what was asked for.
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { openAccess } from '../../lib/access/open.ts';
import { diffPolicy } from '../../lib/api/diff-policy.ts';
import type { PolicyDiff } from '../../lib/api/policy.ts';
import { TunnelCommand } from '../../lib/cli/command.ts';
import { apiFlags } from '../../lib/cli/global-flags.ts';
import { parseMoment } from '../../lib/cli/parse-moment.ts';
import type { ResultShape } from '../../lib/cli/shape.ts';
import { readTextFile } from '../../lib/cli/text-file.ts';

export default class DiffPolicy extends TunnelCommand<PolicyDiff> {
  static override summary = "List what another policy would newly refuse or allow. Runs on the gateway's machine, or anywhere for an admin who is logged in.";
  static override description =
    'Replays the connections that the audit log recorded, allowed and refused ones, through the policy in force and through the file, with logins and ports as they are now, and lists those that are decided differently. Nothing is changed.';
  static override examples = [
    '<%= config.bin %> policy diff new-policy.yaml --data-dir gw\nCHANGE   OPERATOR  TARGET        AGENT  NEW AGENT  TIMES  LAST                      NEW LINE\nrefused  alice     10.0.0.5:443  web1   -          1      2026-11-21T21:05:44.340Z  policy allows operator alice other targets than 10.0.0.5:443 on agent web1: rule 1 (ssh and web)\n\n17 requests since 2026-10-22T21:05:47.074Z replayed, 1 decided differently',
    '<%= config.bin %> policy diff new-policy.yaml --since 7d --json',
  ];
  static override args = { file: Args.string({ description: 'The other policy, YAML or JSON; - is standard input.', required: true, ignoreStdin: true }) };
  static override flags = {
    since: Flags.string({ summary: 'Replay from this time on: 2026-01-31T10:00:00Z, or 2h for two hours ago.', helpValue: 'TIME', default: '30d' }),
    ...apiFlags,
  };
  static override result: ResultShape<PolicyDiff> = (shapes) => shapes.PolicyDiff;

  async run(): Promise<PolicyDiff> {
    const { args, flags } = await this.parse(DiffPolicy);
    const world = await this.world();
    const since = parseMoment(flags.since, world.clock.now(), '--since') ?? '';
    const file = await readTextFile(args.file, world.files);
    await using access = await openAccess({ dataDir: flags['data-dir'], configDir: this.configDir(flags) }, world);
    const diff = await diffPolicy(access.client, file, since, this.interrupts.signal);
    const rows = diff.differences.map(({ change, operator, target, agent, new_agent, count, last, line }) => [
      change,
      operator,
      target,
      agent ?? '',
      new_agent ?? '',
      String(count),
      last,
      line,
    ]);
    await this.table(['CHANGE', 'OPERATOR', 'TARGET', 'AGENT', 'NEW AGENT', 'TIMES', 'LAST', 'NEW LINE'], rows, 'nothing would change');
    this.log('', `${diff.requests} requests since ${diff.since} replayed, ${diff.differences.length} decided differently${diff.truncated ? ', and more' : ''}`);
    return diff;
  }
}
