// Deletes a profile.
import * as Args from '@oclif/core/args';
import { parseName } from '../../lib/base/ids.ts';
import { TunnelCommand } from '../../lib/cli/command.ts';
import { configDirFlag } from '../../lib/cli/global-flags.ts';
import type { ResultShape } from '../../lib/cli/shape.ts';

interface Result {
  name: string;
  deleted: true;
}

export default class DeleteProfile extends TunnelCommand<Result> {
  static override summary = "Delete a profile that is not up, and its log. Runs on the operator's machine.";
  static override examples = ['<%= config.bin %> profile delete office\ndeleted office'];
  static override args = { profile: Args.string({ description: 'Name of the profile.', required: true, ignoreStdin: true }) };
  static override flags = configDirFlag;
  static override result: ResultShape<Result> = ({ z }) => z.object({ name: z.string(), deleted: z.literal(true) });

  async run(): Promise<Result> {
    const { args, flags } = await this.parse(DeleteProfile);
    const name = parseName(args.profile, 'profile');
    const { deleteProfile } = await import('../../lib/operator/profiles/down.ts');
    await deleteProfile(name, this.configDir(flags), await this.world(), this.interrupts.signal);
    this.log(`deleted ${name}`);
    return { name, deleted: true };
  }
}
