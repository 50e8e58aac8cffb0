// Lists the profiles and which of them are up.
import { TunnelCommand } from '../../lib/cli/command.ts';
import { configDirFlag } from '../../lib/cli/global-flags.ts';
import { shownProfile } from '../../lib/cli/profile-shapes.ts';
import type { ResultShape } from '../../lib/cli/shape.ts';
import { forwardText } from '../../lib/operator/forward/describe.ts';
import type { ShownProfile } from '../../lib/operator/profiles/show.ts';

interface Result {
  profiles: ShownProfile[];
}

export default class ListProfiles extends TunnelCommand<Result> {
  static override summary = "List profiles, whether they are up, and where they listen. Runs on the operator's machine.";
  static override examples = [
    '<%= config.bin %> profile list\nNAME    STATE  PID   SINCE                     FORWARDS                                                 LAST ERROR\noffice  up    4242  2026-11-21T21:04:38.318Z  127.0.0.1:8080 -> intranet.corp.example:80 (agent web1)  -',
    '<%= config.bin %> profile list --json',
  ];
  static override flags = configDirFlag;
  static override result: ResultShape<Result> = (shapes) => shapes.z.object({ profiles: shapes.z.array(shownProfile(shapes)) });

  async run(): Promise<Result> {
    const { flags } = await this.parse(ListProfiles);
    const { showProfiles } = await import('../../lib/operator/profiles/show.ts');
    const profiles = await showProfiles(this.configDir(flags), await this.world());
    const rows = profiles.map(({ name, state, pid, since, forwards, last_error, flags: asFlags }) => [
      name,
      state,
      pid === null ? '' : String(pid),
      since ?? '',
      forwards.map(forwardText).join(', ') || asFlags,
      last_error === null ? '' : `${last_error.code} at ${last_error.at}`,
    ]);
    await this.table(['NAME', 'STATE', 'PID', 'SINCE', 'FORWARDS', 'LAST ERROR'], rows, 'no profiles');
    return { profiles };
  }
}
