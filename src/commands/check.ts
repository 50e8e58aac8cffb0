// Smoke tests as a file.
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { TunnelCommand } from '../lib/cli/command.ts';
import { configDirFlag } from '../lib/cli/global-flags.ts';
import type { Shapes, Shown } from '../lib/cli/shape.ts';

const result = ({ z }: Shapes) =>
  z.object({
    passed: z.int(),
    failed: z.int(),
    checks: z.array(
      z.object({
        name: z.string(),
        target: z.string(),
        passed: z.boolean(),
        agent: z.string().nullable(),
        ms: z.number(),
        reason: z.string().nullable(),
        code: z.string().nullable(),
      }),
    ),
  });

export default class Check extends TunnelCommand<Shown<typeof result>> {
  static override summary = "Run smoke tests from a file: what must be reachable, and what must not. Runs on the operator's machine, after login.";
  static override description = [
    'FILE is YAML or JSON: checks:, then a list. Each entry has a target (HOST:PORT) and, all optional: name; via, the agent to go through; reachable (true), with false also code, the error code it must fail with; ' +
      'agent, who must carry it; within (10s); and one of banner, text in the first bytes of the target; http, with path (/), status (200), tls (false, true, insecure) and contains; command, a list with {host}, {port} and {addr} filled in, and exit (0).',
    'Ends with exit code 1 when a check fails. What commands print goes to standard error.',
  ].join('\n\n');
  static override examples = [
    '<%= config.bin %> check smoke.yaml\nok   ssh of the bastion: agent web1, 12 ms\nFAIL the database: db.corp.example:5432 through web1: 10.0.0.5:5432 refused the connection (target.refused), 3 ms\n1 passed, 1 failed',
    '<%= config.bin %> check smoke.yaml --junit report.xml --json',
    'printf \'checks: [{target: "10.0.0.5:22", banner: SSH-2.0, within: 3s}]\' | <%= config.bin %> check -',
  ];
  static override args = { file: Args.string({ description: 'The file; - is standard input.', required: true, ignoreStdin: true }) };
  static override flags = { ...configDirFlag, junit: Flags.string({ summary: 'Write JUnit XML here too.', helpValue: 'FILE' }) };
  static override result = result;

  async run(): Promise<Shown<typeof result>> {
    const { args, flags } = await this.parse(Check);
    const world = await this.world();
    const [{ readChecks }, { runChecks }, { junit }, { readTextFile }] = await Promise.all([
      import('../lib/operator/check/file.ts'),
      import('../lib/operator/check/run.ts'),
      import('../lib/operator/check/junit.ts'),
      import('../lib/cli/text-file.ts'),
    ]);
    const checks = await readChecks(args.file, await readTextFile(args.file, world.files));
    const results = await runChecks(this.configDir(flags), checks, world, this.interrupts.signal);
    if (flags.junit !== undefined) await world.files.replaceAtomically(flags.junit, junit(results), 0o644);
    const failed = results.filter(({ passed }) => !passed).length;
    for (const { name, passed, agent, ms, reason } of results)
      this.log(`${passed ? 'ok  ' : 'FAIL'} ${name}: ${reason ?? (agent === null ? 'not reachable' : `agent ${agent}`)}, ${ms} ms`);
    this.log(`${results.length - failed} passed, ${failed} failed`);
    if (failed > 0) process.exitCode = 1;
    return { passed: results.length - failed, failed, checks: results };
  }
}
