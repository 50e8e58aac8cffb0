// Another certificate authority for a gateway, beside the one before for a while; or the end of that while.
import * as Flags from '@oclif/core/flags';
import type { RotationAnswer } from '../../lib/api/contract.ts';
import { parseDuration } from '../../lib/base/duration.ts';
import { TunnelCommand } from '../../lib/cli/command.ts';
import { dataDirFlag, passphraseFileFlag } from '../../lib/cli/global-flags.ts';
import { readPassphraseFile } from '../../lib/cli/passphrase-file.ts';
import type { ResultShape } from '../../lib/cli/shape.ts';

type Rotated = Omit<RotationAnswer, 'warnings'>;

export default class RotateCa extends TunnelCommand<Rotated> {
  static override summary = "Replace the certificate authority; the one before is accepted for a while. Runs on the gateway's machine.";
  static override description =
    'Agents that are linked follow at once, others when they link again; operators with their next command; strings that were minted before work until they expire or the window ends. ' +
    'After the window, or with --finish, certificates of the CA before are refused: who has not followed must enrol or log in again. ca show counts them. A running gateway goes on without a restart and without dropping anything.';
  static override examples = [
    '<%= config.bin %> ca rotate --data-dir gw --window 30d\npin 41ac5fe6dd37c4a7341aa3c1e59ff8e37eb5d2a4a5b722738102fe879ed61b71, valid until 2036-11-18T21:06:07.000Z\nthe CA before is accepted until 2026-12-21T21:06:07.000Z; 1 agents are to follow',
    '<%= config.bin %> ca rotate --data-dir gw --finish',
  ];
  static override flags = {
    ...dataDirFlag,
    window: Flags.string({ summary: 'How long the CA before is accepted; 30d where not given.', helpValue: 'DURATION' }),
    finish: Flags.boolean({ summary: 'End the window now.', exclusive: ['window'] }),
    ...passphraseFileFlag,
  };
  static override result: ResultShape<Rotated> = ({ RotationAnswer }) => RotationAnswer.omit({ warnings: true });

  async run(): Promise<Rotated> {
    const { flags } = await this.parse(RotateCa);
    const windowMs = parseDuration(flags.window ?? '30d', '--window');
    const { openGateway } = await import('../../lib/gateway/open.ts');
    const world = await this.world();
    const caPassphrase = await readPassphraseFile(flags['passphrase-file'], world.files);
    await using gateway = await openGateway({ dataDir: this.dataDir(flags), caPassphrase }, world);
    const { signal } = this.interrupts;
    const { warnings, ...rotated } = flags.finish
      ? await gateway.client.finishRotation(signal)
      : await gateway.client.rotateCa({ window_ms: windowMs }, signal);
    for (const warning of warnings) this.note(`warning: ${warning}`);
    const until = rotated.accepted_until;
    this.log(`pin ${rotated.spki_sha256}, valid until ${rotated.not_after}`);
    this.log(
      until === null ? 'the CA before is not accepted any more' : `the CA before is accepted until ${until}; ${rotated.agents_behind} agents are to follow`,
    );
    return rotated;
  }
}
