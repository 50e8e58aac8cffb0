// Shows the certificate authority of a gateway.
import type { ShownCa } from '../../lib/access/show-ca.ts';
import { TunnelCommand } from '../../lib/cli/command.ts';
import { dataDirFlag } from '../../lib/cli/global-flags.ts';

export default class ShowCa extends TunnelCommand<ShownCa> {
  static override summary =
    "Show the gateway's certificate authority: fingerprint, pin, validity, how many certificates it has issued. Runs on the gateway's machine.";
  static override examples = ['<%= config.bin %> ca show --data-dir gw'];
  static override flags = { ...dataDirFlag };

  async run(): Promise<ShownCa> {
    const { flags } = await this.parse(ShowCa);
    const { showCa } = await import('../../lib/access/show-ca.ts');
    const shown = await showCa(this.dataDir(flags), await this.world(), this.interrupts.signal);
    await this.table(
      ['FIELD', 'VALUE'],
      Object.entries(shown).map(([field, value]) => [field, String(value)]),
    );
    return shown;
  }
}
