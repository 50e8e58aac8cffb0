// Shows one profile.
import * as Args from '@oclif/core/args';
import { parseName } from '../../lib/base/ids.ts';
import { TunnelCommand } from '../../lib/cli/command.ts';
import { configDirFlag } from '../../lib/cli/global-flags.ts';
import { shownProfile } from '../../lib/cli/profile-shapes.ts';
import type { ResultShape } from '../../lib/cli/shape.ts';
import { forwardText } from '../../lib/operator/forward/describe.ts';
import type { ShownProfile } from '../../lib/operator/profiles/show.ts';

export default class ShowProfile extends TunnelCommand<ShownProfile> {
  static override summary = "Show a profile: what it forwards, whether it is up, its log and its last error. Runs on the operator's machine.";
  static override examples = [
    '<%= config.bin %> profile show office\nFIELD       VALUE\nname        office\nstate       up\nconnect     8080:intranet.corp.example:80 --keep-alive\nlistening   127.0.0.1:8080 -> intranet.corp.example:80 (agent web1)\npid         4242\nsince       2026-11-21T21:04:38.318Z\nlast error  -\nlog         ~/.config/tunnel/profiles/office/log',
  ];
  static override args = { profile: Args.string({ description: 'Name of the profile.', required: true, ignoreStdin: true }) };
  static override flags = configDirFlag;
  static override result: ResultShape<ShownProfile> = shownProfile;

  async run(): Promise<ShownProfile> {
    const { args, flags } = await this.parse(ShowProfile);
    const { showProfile } = await import('../../lib/operator/profiles/show.ts');
    const shown = await showProfile(parseName(args.profile, 'profile'), this.configDir(flags), await this.world());
    const { name, state, pid, since, forwards, last_error, log, changed, flags: asFlags } = shown;
    const rows = [
      ['name', name],
      ['state', changed ? `${state}, as it was before it was changed` : state],
      ['connect', asFlags],
      ...forwards.map((forward) => ['listening', forwardText(forward)]),
      ['pid', pid === null ? '' : String(pid)],
      ['since', since ?? ''],
      ['last error', last_error === null ? '' : `${last_error.code} at ${last_error.at}: ${last_error.message}`],
      ['log', log ?? ''],
    ];
    await this.table(['FIELD', 'VALUE'], rows);
    return shown;
  }
}
