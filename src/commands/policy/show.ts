// Prints the policy in force as the file that `policy set` takes.
import { openAccess } from '../../lib/access/open.ts';
import type { PolicyAnswer } from '../../lib/api/policy.ts';
import { policyText } from '../../lib/api/policy-file.ts';
import { TunnelCommand } from '../../lib/cli/command.ts';
import { apiFlags } from '../../lib/cli/global-flags.ts';
import type { ResultShape } from '../../lib/cli/shape.ts';

export default class ShowPolicy extends TunnelCommand<PolicyAnswer> {
  static override summary = "Print the policy as a file. Runs on the gateway's machine, or anywhere for an admin who is logged in.";
  static override description =
    'What is printed can be changed and given to tunnel policy set. It is the policy in canonical form: comments and spellings of the file that was set are not kept. Until one is set it is the built-in policy, by which the logins alone decide.';
  static override examples = ['<%= config.bin %> policy show --data-dir gw > policy.yaml', '<%= config.bin %> policy show --json'];
  static override flags = apiFlags;
  static override result: ResultShape<PolicyAnswer> = (shapes) => shapes.PolicyAnswer;

  async run(): Promise<PolicyAnswer> {
    const { flags } = await this.parse(ShowPolicy);
    await using access = await openAccess({ dataDir: flags['data-dir'], configDir: this.configDir(flags) }, await this.world());
    const answer = await access.client.policy(this.interrupts.signal);
    this.log(...(await policyText(answer)).trimEnd().split('\n'));
    return answer;
  }
}
