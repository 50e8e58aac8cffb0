// Exchanges a login string for a login that is kept on this machine.
import { TunnelCommand } from '../lib/cli/command.ts';
import { configDirFlag, tokenFileFlag, waitFlag } from '../lib/cli/global-flags.ts';
import { parseWait } from '../lib/cli/parse-wait.ts';
import type { Shapes, Shown } from '../lib/cli/shape.ts';
import { readTokenFile } from '../lib/cli/token-file.ts';

const result = ({ z, name, time }: Shapes) => z.object({ operator: name, gateway: z.string(), expires_at: time });

export default class Login extends TunnelCommand<Shown<typeof result>> {
  static override summary = "Log in with a string that the gateway's administrator minted. Runs on the operator's machine.";
  static override description = 'The string works once. It is sent only after the gateway has proved that it has the key that the string names.';
  static override examples = [
    '<%= config.bin %> login --token-file alice.token\nlogged in to https://gw.example:8443 as alice until 2026-12-21T21:04:22.286Z',
    'ssh admin@gw cat alice.token | <%= config.bin %> login --token-file -',
  ];
  static override flags = { ...tokenFileFlag, ...configDirFlag, ...waitFlag };
  static override result = result;

  async run(): Promise<Shown<typeof result>> {
    const { flags } = await this.parse(Login);
    const waitMs = parseWait(flags.wait);
    const world = await this.world();
    const { token, warning } = await readTokenFile(flags['token-file'], world.files);
    if (warning !== undefined) this.note(warning);
    const { login } = await import('../lib/operator/login.ts');
    const { operator, gateway, expires_at } = await login({ token, configDir: this.configDir(flags), waitMs }, world, this.interrupts.signal);
    this.log(`logged in to ${gateway} as ${operator} until ${expires_at}`);
    return { operator, gateway, expires_at };
  }
}
