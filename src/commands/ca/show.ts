// Shows the certificate authority of a gateway.

import { TunnelCommand } from '../../lib/cli/command.ts';
import { dataDirFlag } from '../../lib/cli/global-flags.ts';
import type { ShownCa } from '../../lib/gateway/show-ca.ts';

export default class ShowCa extends TunnelCommand<ShownCa> {
  static override summary =
    "Show the gateway's certificate authority: fingerprint, pin, validity, how many certificates it has issued, and the one before while it is rotated. Runs on the gateway's machine.";
  static override examples = ['<%= config.bin %> ca show --data-dir gw'];
  static override flags = { ...dataDirFlag };

  async run(): Promise<ShownCa> {
    const { flags } = await this.parse(ShowCa);
    const { showCa } = await import('../../lib/gateway/show-ca.ts');
    const shown = await showCa(this.dataDir(flags), await this.world(), this.interrupts.signal);
    await this.table(
      ['FIELD', 'VALUE'],
      Object.entries(shown).flatMap(([field, value]) =>
        value !== null && typeof value === 'object'
          ? Object.entries(value).map(([inner, text]) => [`${field}.${inner}`, String(text)])
          : [[field, String(value ?? 'none')]],
      ),
    );
    return shown;
  }
}
