// Finds what is wrong between this machine and a target.
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { ERROR_KINDS } from '../lib/base/errors.ts';
import { type Paint, paintFor } from '../lib/cli/colour.ts';
import { TunnelCommand } from '../lib/cli/command.ts';
import { EXIT_CODES } from '../lib/cli/exit-codes.ts';
import { configDirFlag, dataDirFlag } from '../lib/cli/global-flags.ts';
import type { Shapes, Shown } from '../lib/cli/shape.ts';
import { PROTOCOLS } from '../lib/doctor/first-bytes.ts';
import { OWNERS, STATES, STEP_NAMES, type Step } from '../lib/doctor/step.ts';

const result = ({ z }: Shapes) =>
  z.object({
    ok: z.boolean(),
    conclusion: z.object({
      step: z.enum(STEP_NAMES).nullable(),
      owner: z.enum(OWNERS).nullable(),
      code: z.string().nullable(),
      message: z.string(),
      hint: z.string().nullable(),
    }),
    steps: z
      .array(
        z.object({
          name: z.enum(STEP_NAMES),
          owner: z.enum(OWNERS),
          state: z.enum(STATES),
          ms: z.number().nullable(),
          code: z.string().nullable(),
          message: z.string(),
          hint: z.string().nullable(),
          detail: z.record(z.string(), z.unknown()),
        }),
      )
      .readonly(),
  });

export default class Doctor extends TunnelCommand<Shown<typeof result>> {
  static override summary = 'Find what is wrong, step by step, and whose it is. Runs on any machine: of an operator, an agent or a gateway.';
  static override description = [
    'Checks this machine and the way to the gateway; with TARGET also everything from the login to the first bytes of the target. With --data-dir, or where neither folder is named and the default one holds one, the agent or gateway of this machine. ' +
      'Every step is timed; where the agent says what it took itself, that is shown.',
    'The last line says where it breaks, whose it is (this machine, the network, the gateway, policy, the agent, the target) and what to do. The exit code is that of the failure; 0 when nothing has failed, also with warnings.',
    'An examination with TARGET opens one session and one connection, as tunnel connect does.',
  ].join('\n\n');
  static override examples = [
    '<%= config.bin %> doctor\nok       login-file              4.4 ms  alice at https://gw.example:8443 until 2026-12-21T21:04:22.286Z\nok       gateway-dns             4.4 ms  gw.example is 192.0.2.1\nok       gateway-tcp             3.6 ms  connected to 192.0.2.1:8443\nok       clock                  12.2 ms  agrees with that of the gateway\nok       gateway-tls             3.9 ms  TLSv1.3, its certificate is trusted\nok       gateway-ready           5.6 ms  it serves\nok       login                   6.0 ms  the gateway knows alice (operator)\nok       versions                        both are 0.1.0\nok       udp                     2.3 ms  QUIC answers at gw.example:8443\n\nAll is well.',
    '<%= config.bin %> doctor db.corp.example:5432',
    '<%= config.bin %> doctor 10.0.0.5:2222 --protocol ssh --json',
    '<%= config.bin %> doctor --data-dir /var/lib/tunnel --bundle report.json',
  ];
  static override args = { target: Args.string({ description: 'host:port or [v6]:port.', ignoreStdin: true }) };
  static override flags = {
    ...configDirFlag,
    ...dataDirFlag,
    agent: Flags.string({ summary: 'Through this agent instead of the one that routing would choose.', helpValue: 'NAME' }),
    protocol: Flags.string({ summary: 'What the target should speak; guessed by its port where not given.', options: [...PROTOCOLS] }),
    bundle: Flags.string({ summary: 'Write a report without secrets here too, to be sent to whoever helps.', helpValue: 'FILE' }),
  };

  static override result = result;

  async run(): Promise<Shown<typeof result>> {
    const { args, flags } = await this.parse(Doctor);
    const [{ askedTarget }, { examine }] = await Promise.all([import('../lib/doctor/check-target.ts'), import('../lib/doctor/examine.ts')]);
    const asked = args.target === undefined ? undefined : askedTarget(args.target, flags.agent, flags.protocol);
    const world = await this.world();
    const paint = await paintFor(process.stdout);
    const here = flags['data-dir'] !== undefined || flags['config-dir'] === undefined;
    const wish = { configDir: this.configDir(flags), dataDir: here ? this.dataDir(flags) : undefined, dataDirGiven: flags['data-dir'] !== undefined, asked };
    const show = (step: Step) => void (this.jsonEnabled() || process.stdout.write(`${lineOf(step, paint)}\n`));
    const report = await examine(wish, world, this.interrupts.signal, show);
    const { conclusion, ok } = report;
    this.log('', conclusion.message, ...(conclusion.hint === null ? [] : [conclusion.hint]));
    if (flags.bundle !== undefined) {
      const { writeBundle } = await import('../lib/doctor/bundle.ts');
      await writeBundle(flags.bundle, report, wish, world);
      this.note(`written: ${flags.bundle}; it holds no secret, but names and addresses`);
    }
    if (!ok) process.exitCode = EXIT_CODES[conclusion.code === null ? 'failed' : ERROR_KINDS[conclusion.code]];
    return report;
  }
}

const NAME_WIDTH = Math.max(...STEP_NAMES.map((name) => name.length));

/** Texts of a step are harmless already. */
function lineOf({ name, state, ms, message, hint }: Step, paint: Paint): string {
  const took = ms === null ? '' : `${ms.toFixed(1)} ms`;
  const todo = hint === null || state === 'ok' ? '' : paint.hint(`  ${hint}`);
  return `${paint.state(state.padEnd(7))}  ${name.padEnd(NAME_WIDTH)}  ${took.padStart(10)}  ${message}${todo}`;
}
