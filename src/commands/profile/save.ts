// Saves forwards under a name.
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { parseName } from '../../lib/base/ids.ts';
import { TunnelCommand } from '../../lib/cli/command.ts';
import { forwardFlags, targetArgs } from '../../lib/cli/forward-flags.ts';
import { configDirFlag } from '../../lib/cli/global-flags.ts';
import { shownProfile } from '../../lib/cli/profile-shapes.ts';
import type { ResultShape } from '../../lib/cli/shape.ts';
import type { ShownProfile } from '../../lib/operator/profiles/show.ts';

export default class SaveProfile extends TunnelCommand<ShownProfile> {
  static override summary = "Save forwards under a name, for tunnel up. Runs on the operator's machine.";
  static override description = 'Takes what tunnel connect takes. Give local ports (8080:HOST:PORT, --listen, -L) where they shall be the same each time.';
  static override examples = [
    '<%= config.bin %> profile save office 8080:intranet.corp.example:80 5432:db.corp.example:5432 --keep-alive\nsaved office: 8080:intranet.corp.example:80 5432:db.corp.example:5432 --keep-alive\nthen: tunnel up office',
    '<%= config.bin %> profile save proxy -D 1080 --replace',
  ];
  static override usage = [
    'profile save NAME TARGET... [FLAGS]',
    'profile save NAME -L [BIND:]PORT:HOST:PORT... [FLAGS]',
    'profile save NAME -D [BIND:]PORT [FLAGS]',
  ];
  static override args = { profile: Args.string({ description: 'Name of the profile.', required: true, ignoreStdin: true }), ...targetArgs };
  static override flags = { ...configDirFlag, ...forwardFlags, replace: Flags.boolean({ summary: 'Replace the profile of that name.' }) };
  static override result: ResultShape<ShownProfile> = shownProfile;

  async run(): Promise<ShownProfile> {
    const { args, flags } = await this.parse(SaveProfile);
    const name = parseName(args.profile, 'profile');
    const [{ profileOf }, { saveProfile }, { showProfile }] = await Promise.all([
      import('../../lib/operator/profiles/profile.ts'),
      import('../../lib/operator/profiles/stored.ts'),
      import('../../lib/operator/profiles/show.ts'),
    ]);
    const profile = profileOf({
      targets: args.targets,
      local: flags.local,
      socks: flags.socks,
      http: flags.http,
      listen: flags.listen,
      agent: flags.agent,
      site: flags.site,
      alternates: flags.alternate,
      keep_alive: flags['keep-alive'],
    });
    const [configDir, world] = [this.configDir(flags), await this.world()];
    await saveProfile(name, profile, flags.replace, configDir, world, this.interrupts.signal);
    const shown = await showProfile(name, configDir, world);
    this.log(`saved ${name}: ${shown.flags}`);
    this.log(shown.changed ? `it is up with what it was before; then: tunnel down ${name}, tunnel up ${name}` : `then: tunnel up ${name}`);
    return shown;
  }
}
