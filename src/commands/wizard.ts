// Asks what is wanted and runs the commands for it.
import { join } from 'node:path';
import { TunnelError } from '../lib/base/errors.ts';
import type { World } from '../lib/base/world.ts';
import { TunnelCommand } from '../lib/cli/command.ts';
import { EXIT_CODES } from '../lib/cli/exit-codes.ts';
import { itself } from '../lib/cli/itself.ts';
import type { ResultShape } from '../lib/cli/shape.ts';
import type { Dialogue } from '../lib/quickstart/wizard/dialogue.ts';

/** A command that the wizard ran, and that said itself what was wrong. */
class CommandEnded extends Error {
  readonly code: number;

  constructor(code: number, typed: string) {
    super(typed);
    this.code = code;
  }
}

export default class Wizard extends TunnelCommand<object> {
  static override summary = 'Set up a gateway, an agent or a first connection by answering questions. Runs on the machine that it is about.';
  static override description =
    'Shows each command before it runs it, and runs nothing else. Can be left with Ctrl-C at any time and run again: what is there already is seen and not asked. ' +
    'The folders are those of TUNNEL_DATA_DIR and TUNNEL_CONFIG_DIR where these are set. Needs a terminal.';
  static override examples = ['<%= config.bin %> wizard'];
  static override result: ResultShape = ({ z }) => z.object({});

  async run(): Promise<object> {
    await this.parse(Wizard);
    if (!process.stdin.isTTY || !process.stdout.isTTY || this.jsonEnabled())
      throw new TunnelError('terminal.missing', 'the wizard asks questions, and there is no terminal for them', {
        hint: 'Without one: tunnel ca init, gateway start, token mint; tunnel agent enroll, agent start; tunnel login, connect. Each has --help.',
      });
    const [dataDir, configDir] = [
      this.dataDir({ 'data-dir': process.env['TUNNEL_DATA_DIR'] }),
      this.configDir({ 'config-dir': process.env['TUNNEL_CONFIG_DIR'] }),
    ];
    const [world, dialogue] = [await this.world(), await this.#dialogue()];
    const { files } = world;
    const [gateway, agent] = await Promise.all(['ca-cert.pem', 'agent.json'].map(async (name) => (await files.read(join(dataDir, name))) !== undefined));
    const what = await dialogue.choose(
      'What shall this machine be?',
      [
        { value: 'gateway', name: gateway ? 'a gateway (go on with the one that is here)' : 'a gateway, the public side' },
        { value: 'agent', name: agent ? 'an agent (go on with the one that is here)' : 'an agent, inside a private network' },
        { value: 'operator', name: 'mine: I want to connect to something' },
      ],
      gateway ? 'gateway' : agent ? 'agent' : undefined,
    );
    try {
      await this.#go(what, dialogue, dataDir, configDir, world);
    } catch (error) {
      if (!(error instanceof CommandEnded)) throw error;
      process.exitCode = error.code;
      if (error.code !== EXIT_CODES.interrupted)
        this.note(`${error.message} ended with exit code ${error.code}. Nothing is half done: tunnel wizard goes on from here.`);
    }
    return {};
  }

  async #go(what: 'gateway' | 'agent' | 'operator', dialogue: Dialogue, dataDir: string, configDir: string, world: World): Promise<void> {
    if (what === 'gateway') await (await import('../lib/quickstart/wizard/gateway.ts')).setUpGateway(dialogue, dataDir, world);
    else if (what === 'agent') await (await import('../lib/quickstart/wizard/agent.ts')).setUpAgent(dialogue, dataDir, world);
    else await (await import('../lib/quickstart/wizard/operator.ts')).firstConnect(dialogue, configDir, world);
  }

  async #dialogue(): Promise<Dialogue> {
    const [{ openQuestions }, { runProgram }, { typed }] = await Promise.all([
      import('../lib/cli/questions.ts'),
      import('../lib/system/run-program.ts'),
      import('../lib/quickstart/wizard/dialogue.ts'),
    ]);
    const { signal } = this.interrupts;
    this.interrupts.leaveCtrlCToChild(); // at a question it is a key
    const [node = '', ...self] = itself();
    return {
      ...(await openQuestions()),
      say: (text) => this.log(text),
      run: async (args) => {
        this.log(`$ ${typed(args)}`);
        const code = await runProgram(node, [...self, ...args], signal);
        if (code !== 0) throw new CommandEnded(code, typed(args));
      },
    };
  }
}
