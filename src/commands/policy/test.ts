// Checks a policy against what is expected of it.
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { openAccess } from '../../lib/access/open.ts';
import type { PolicyTested } from '../../lib/api/policy.ts';
import { readAssertions } from '../../lib/api/policy-file.ts';
import { TunnelCommand } from '../../lib/cli/command.ts';
import { apiFlags } from '../../lib/cli/global-flags.ts';
import type { ResultShape } from '../../lib/cli/shape.ts';
import { readTextFile } from '../../lib/cli/text-file.ts';

export default class TestPolicy extends TunnelCommand<PolicyTested> {
  static override summary = "Check what the policy allows and denies against a file. Runs on the gateway's machine, or anywhere for an admin who is logged in.";
  static override description =
    'The file holds a list, tests, each with as, target, expect (allow or deny) and maybe agent. Each is decided as a connection would be, by login, policy and ports; whether an agent is online makes no difference. Exit code 1 when one fails. With --policy another policy is asked than the one in force: test it before you set it.';
  static override examples = [
    '<%= config.bin %> policy test expected.yaml --data-dir gw\nRESULT  AS       TARGET       AGENT  EXPECTED  GOT    LINE\nok      alice    10.0.0.5:22  web1   allow     allow  policy rule 1 (ssh and web) allows group ops 10.0.0.0/24:22 on agent web1, ports 22,3389\nok      mallory  10.0.0.5:22  -      deny      deny   policy allows operator mallory nothing on agent web1\n\n2 passed, 0 failed',
    '<%= config.bin %> policy test expected.yaml --policy new-policy.yaml --json',
  ];
  static override args = { file: Args.string({ description: 'YAML or JSON; - is standard input.', required: true, ignoreStdin: true }) };
  static override flags = {
    policy: Flags.string({ summary: 'A policy that is not set yet, instead of the one in force.', helpValue: 'FILE' }),
    ...apiFlags,
  };
  static override result: ResultShape<PolicyTested> = (shapes) => shapes.PolicyTested;

  async run(): Promise<PolicyTested> {
    const { args, flags } = await this.parse(TestPolicy);
    const world = await this.world();
    const tests = await readAssertions(await readTextFile(args.file, world.files));
    const file = flags.policy === undefined ? {} : { file: await readTextFile(flags.policy, world.files) };
    await using access = await openAccess({ dataDir: flags['data-dir'], configDir: this.configDir(flags) }, world);
    const tested = await access.client.testPolicy({ tests, ...file }, this.interrupts.signal);
    const rows = tested.tests.map(({ as, target, agent, expect, got, passed, line }) => [passed ? 'ok' : 'FAILED', as, target, agent ?? '', expect, got, line]);
    await this.table(['RESULT', 'AS', 'TARGET', 'AGENT', 'EXPECTED', 'GOT', 'LINE'], rows);
    this.log('', `${tested.passed} passed, ${tested.failed} failed`);
    if (tested.failed > 0) process.exitCode = 1;
    return tested;
  }
}
