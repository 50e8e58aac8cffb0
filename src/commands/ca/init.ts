// Makes the certificate authority of a gateway, or takes one that was made elsewhere.
import * as Flags from '@oclif/core/flags';
import { TunnelCommand } from '../../lib/cli/command.ts';
import { dataDirFlag, passphraseFileFlag } from '../../lib/cli/global-flags.ts';
import { readPassphraseFile } from '../../lib/cli/passphrase-file.ts';
import type { Shapes, Shown } from '../../lib/cli/shape.ts';

const result = ({ z, time }: Shapes) => z.object({ ca_file: z.string(), spki_sha256: z.string(), not_after: time });

export default class InitCa extends TunnelCommand<Shown<typeof result>> {
  static override summary = "Make the certificate authority of a new gateway. Runs on the gateway's machine, once.";
  static override description =
    'The key stays in the data folder, readable by this user alone. With --passphrase-file it is encrypted, and gateway start needs --ca-passphrase-file. ' +
    'With --from-pem a root CA that exists is used: ECDSA P-256 or P-384, CA:TRUE, allowed to sign certificates. A CA that the folder holds is never replaced here: see ca rotate.';
  static override examples = [
    '<%= config.bin %> ca init --data-dir gw\nmade gw/ca-cert.pem, valid until 2036-11-18T21:04:17.000Z\npin 8457c6c6b58615333d5410ce93a20d580c639070be9a1add84f74f20a708c39b',
    '<%= config.bin %> ca init --data-dir gw --passphrase-file /run/credentials/ca-passphrase',
    '<%= config.bin %> ca init --data-dir gw --from-pem ca.pem --key-pem ca.key',
  ];
  static override flags = {
    ...dataDirFlag,
    'from-pem': Flags.string({ summary: 'Use the CA in this PEM file: its certificate, and its key where --key-pem is not given.', helpValue: 'FILE' }),
    'key-pem': Flags.string({ summary: 'The key of that CA.', helpValue: 'FILE', dependsOn: ['from-pem'] }),
    ...passphraseFileFlag,
  };
  static override result = result;

  async run(): Promise<Shown<typeof result>> {
    const { flags } = await this.parse(InitCa);
    const { initCa } = await import('../../lib/gateway/data-folder.ts');
    const world = await this.world();
    const passphrase = await readPassphraseFile(flags['passphrase-file'], world.files);
    const from = flags['from-pem'] === undefined ? undefined : { pem: flags['from-pem'], key: flags['key-pem'] };
    const { caFile, pin, notAfter } = await initCa(this.dataDir(flags), world, { from, passphrase });
    const made = { ca_file: caFile, spki_sha256: pin, not_after: new Date(notAfter).toISOString() };
    this.log(`made ${made.ca_file}, valid until ${made.not_after}`, `pin ${made.spki_sha256}`);
    return made;
  }
}
