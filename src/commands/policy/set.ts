// Replaces the policy by a file.
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { openAccess } from '../../lib/access/open.ts';
import type { PolicySet } from '../../lib/api/policy.ts';
import { TunnelCommand } from '../../lib/cli/command.ts';
import { apiFlags } from '../../lib/cli/global-flags.ts';
import type { ResultShape } from '../../lib/cli/shape.ts';
import { readTextFile } from '../../lib/cli/text-file.ts';

export default class SetPolicy extends TunnelCommand<PolicySet> {
  static override summary = "Replace the policy by a file. Runs on the gateway's machine, or anywhere for an admin who is logged in.";
  static override description =
    'The whole policy is replaced, or nothing is. From then on both the login of an operator and the policy must allow a connection; what runs and is allowed no more is cut before this command ends. Comments of the file are not kept.';
  static override examples = [
    '<%= config.bin %> policy set policy.yaml --data-dir gw\nwarning: no operator bob has logged in yet\npolicy is revision 1, 1 rules; 0 sessions ended, 0 connections cut',
    '<%= config.bin %> policy set policy.yaml --if-revision 3',
    'generate-policy | <%= config.bin %> policy set - --json',
  ];
  static override args = { file: Args.string({ description: 'YAML or JSON; - is standard input.', required: true, ignoreStdin: true }) };
  static override flags = {
    'if-revision': Flags.integer({
      summary: 'Only if this is the revision in force, as policy show prints it; 0 is the built-in policy.',
      helpValue: 'NUMBER',
      min: 0,
    }),
    ...apiFlags,
  };
  static override result: ResultShape<PolicySet> = (shapes) => shapes.PolicySet;

  async run(): Promise<PolicySet> {
    const { args, flags } = await this.parse(SetPolicy);
    const world = await this.world();
    const request = { file: await readTextFile(args.file, world.files), ...(flags['if-revision'] !== undefined && { if_revision: flags['if-revision'] }) };
    await using access = await openAccess({ dataDir: flags['data-dir'], configDir: this.configDir(flags) }, world);
    const set = await access.client.setPolicy(request, this.interrupts.signal);
    for (const warning of set.warnings) this.note(`warning: ${warning}`);
    this.log(`policy is revision ${set.revision}, ${set.rules} rules; ${set.cut.sessions} sessions ended, ${set.cut.channels} connections cut`);
    return set;
  }
}
