// Shows the certificate authority of a gateway.

import { TunnelCommand } from '../../lib/cli/command.ts';
import { dataDirFlag } from '../../lib/cli/global-flags.ts';
import type { ResultShape } from '../../lib/cli/shape.ts';
import type { ShownCa } from '../../lib/gateway/show-ca.ts';

export default class ShowCa extends TunnelCommand<ShownCa> {
  static override summary =
    "Show the gateway's certificate authority: fingerprint, pin, validity, how many certificates it has issued, and the one before while it is rotated. Runs on the gateway's machine.";
  static override examples = [
    '<%= config.bin %> ca show --data-dir gw\nFIELD          VALUE\nca_file        gw/ca-cert.pem\nsubject        CN=tunnel CA\nspki_sha256    8457c6c6b58615333d5410ce93a20d580c639070be9a1add84f74f20a708c39b\nnot_after      2036-11-18T21:04:17.000Z\nencrypted      false\nissued         1\nagents_behind  0\nprevious       none',
  ];
  static override flags = { ...dataDirFlag };
  static override result: ResultShape<ShownCa> = ({ z, time }) => {
    const shown = z.object({ subject: z.string(), sha256: z.string(), spki_sha256: z.string(), not_before: time, not_after: time });
    return shown.extend({ ca_file: z.string(), encrypted: z.boolean(), issued: z.int(), previous: shown.nullable(), agents_behind: z.int() });
  };

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
