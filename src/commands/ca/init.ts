// Makes the certificate authority of a gateway.
import { TunnelCommand } from '../../lib/cli/command.ts';
import { dataDirFlag } from '../../lib/cli/global-flags.ts';

interface Made {
  readonly ca_file: string;
  /** SHA-256 of its public key, as strings carry it. */
  readonly spki_sha256: string;
  readonly not_after: string;
}

export default class InitCa extends TunnelCommand<Made> {
  static override summary = "Make the certificate authority of a new gateway. Runs on the gateway's machine, once.";
  static override description = 'The key stays in the data folder, readable by this user alone. A CA that exists is never replaced.';
  static override examples = ['<%= config.bin %> ca init --data-dir gw'];
  static override flags = { ...dataDirFlag };

  async run(): Promise<Made> {
    const { flags } = await this.parse(InitCa);
    const { initCa } = await import('../../lib/gateway/data-folder.ts');
    const { caFile, pin, notAfter } = await initCa(this.dataDir(flags), await this.world());
    const made = { ca_file: caFile, spki_sha256: pin, not_after: new Date(notAfter).toISOString() };
    this.log(`made ${made.ca_file}, valid until ${made.not_after}\npin ${made.spki_sha256}`);
    return made;
  }
}
