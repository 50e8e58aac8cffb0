// Ends the login of this machine, at the gateway and here.
import { TunnelCommand } from '../lib/cli/command.ts';
import { configDirFlag } from '../lib/cli/global-flags.ts';
import type { Shapes, Shown } from '../lib/cli/shape.ts';

const result = ({ z, name }: Shapes) => z.object({ operator: name, gateway: z.string() });

export default class Logout extends TunnelCommand<Shown<typeof result>> {
  static override summary = "End the login. Runs on the operator's machine.";
  static override description =
    'Removes the login here in any case. When the gateway cannot be told, the command fails and the login ends there when it expires.';
  static override examples = ['<%= config.bin %> logout\nlogged out alice from https://gw.example:8443'];
  static override flags = { ...configDirFlag };
  static override result = result;

  async run(): Promise<Shown<typeof result>> {
    const { flags } = await this.parse(Logout);
    const { logout } = await import('../lib/operator/login.ts');
    const { operator, gateway } = await logout(this.configDir(flags), await this.world(), this.interrupts.signal);
    this.log(`logged out ${operator} from ${gateway}`);
    return { operator, gateway };
  }
}
