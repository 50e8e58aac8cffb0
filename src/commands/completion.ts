// Prints what makes a shell complete commands, flags and names.
import * as Args from '@oclif/core/args';
import { TunnelCommand } from '../lib/cli/command.ts';
import { bashScript } from '../lib/cli/completion/bash.ts';
import { fishScript } from '../lib/cli/completion/fish.ts';
import { tablesOf } from '../lib/cli/completion/tables.ts';
import { zshScript } from '../lib/cli/completion/zsh.ts';
import type { Shapes, Shown } from '../lib/cli/shape.ts';

const SCRIPTS = { bash: bashScript, zsh: zshScript, fish: fishScript };
const SHELLS = ['bash', 'zsh', 'fish'] as const;

const result = ({ z }: Shapes) => z.object({ shell: z.enum(SHELLS), script: z.string() });

export default class Completion extends TunnelCommand<Shown<typeof result>> {
  static override summary = 'Print the completion script of a shell. Runs on any machine.';
  static override description =
    'It knows commands, flags and their choices and, where somebody is logged in or a gateway runs, the names of agents, operators, profiles and sessions; those are asked for at most every five seconds. The Debian package installs the scripts.';
  static override examples = [
    'source <(<%= config.bin %> completion bash)',
    '<%= config.bin %> completion zsh > "$HOME/.zfunc/_tunnel"',
    '<%= config.bin %> completion fish > "$HOME/.config/fish/completions/tunnel.fish"',
  ];
  static override args = { shell: Args.option({ description: 'Which shell.', options: SHELLS, ignoreStdin: true })({ required: true }) };
  static override result = result;

  async run(): Promise<Shown<typeof result>> {
    const { args } = await this.parse(Completion);
    const script = SCRIPTS[args.shell](tablesOf(this.config.commands, this.config.topics));
    if (!this.jsonEnabled()) process.stdout.write(script);
    return { shell: args.shell, script };
  }
}
