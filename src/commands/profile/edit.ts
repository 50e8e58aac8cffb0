// Edits a profile in the operator's editor.
import * as Args from '@oclif/core/args';
import { TunnelError } from '../../lib/base/errors.ts';
import { parseName } from '../../lib/base/ids.ts';
import { TunnelCommand } from '../../lib/cli/command.ts';
import { configDirFlag } from '../../lib/cli/global-flags.ts';
import { shownProfile } from '../../lib/cli/profile-shapes.ts';
import type { ResultShape } from '../../lib/cli/shape.ts';
import type { ShownProfile } from '../../lib/operator/profiles/show.ts';

export default class EditProfile extends TunnelCommand<ShownProfile> {
  static override summary = "Edit a profile in $VISUAL or $EDITOR. Runs on the operator's machine.";
  static override description = 'What is no profile changes nothing; it is kept as a draft, and the next edit goes on with it.';
  static override examples = ['<%= config.bin %> profile edit office'];
  static override args = { profile: Args.string({ description: 'Name of the profile.', required: true, ignoreStdin: true }) };
  static override flags = configDirFlag;
  static override result: ResultShape<ShownProfile> = shownProfile;

  async run(): Promise<ShownProfile> {
    const { args, flags } = await this.parse(EditProfile);
    const name = parseName(args.profile, 'profile');
    const [{ editProfile }, { showProfile }, { runProgram }] = await Promise.all([
      import('../../lib/operator/profiles/edit.ts'),
      import('../../lib/operator/profiles/show.ts'),
      import('../../lib/system/run-program.ts'),
    ]);
    const [configDir, world, { signal }] = [this.configDir(flags), await this.world(), this.interrupts];
    await showProfile(name, configDir, world); // or nothing is there to edit
    const editor = process.env['VISUAL'] || process.env['EDITOR'] || ownEditor(name);
    const windows = process.platform === 'win32';
    const edit = (path: string) => {
      this.interrupts.leaveCtrlCToChild(); // editors have a use for it
      return windows ? runProgram(editor, [path], signal) : runProgram('/bin/sh', ['-c', `${editor} "$@"`, editor, path], signal); // as git does
    };
    const changed = await editProfile(name, edit, configDir, world, signal);
    const shown = await showProfile(name, configDir, world);
    this.log(changed ? `saved ${name}: ${shown.flags}` : `${name} stays as it was`);
    if (shown.changed) this.log(`it is up with what it was before; then: tunnel down ${name}, tunnel up ${name}`);
    return shown;
  }
}

function ownEditor(name: string): string {
  if (process.stdin.isTTY && process.stdout.isTTY) return process.platform === 'win32' ? 'notepad' : 'vi';
  throw new TunnelError('terminal.missing', 'no terminal for an editor', { hint: `Name one in EDITOR, or: tunnel profile save ${name} TARGET --replace` });
}
