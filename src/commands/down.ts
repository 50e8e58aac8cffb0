// Takes a profile down.
import * as Args from '@oclif/core/args';
import { parseName } from '../lib/base/ids.ts';
import { TunnelCommand } from '../lib/cli/command.ts';
import { configDirFlag } from '../lib/cli/global-flags.ts';
import type { ResultShape } from '../lib/cli/shape.ts';
import type { TakenDown } from '../lib/operator/profiles/down.ts';

export default class Down extends TunnelCommand<TakenDown> {
  static override summary = "Take a profile down: end its background process and wait until it has gone. Runs on the operator's machine.";
  static override examples = ['<%= config.bin %> down office\noffice is down'];
  static override args = { profile: Args.string({ description: 'Name of the profile.', required: true, ignoreStdin: true }) };
  static override flags = configDirFlag;
  static override result: ResultShape<TakenDown> = ({ z }) => z.object({ name: z.string(), stopped: z.boolean() });

  async run(): Promise<TakenDown> {
    const { args, flags } = await this.parse(Down);
    const { takeDown } = await import('../lib/operator/profiles/down.ts');
    const down = await takeDown(parseName(args.profile, 'profile'), this.configDir(flags), await this.world(), this.interrupts.signal);
    this.log(down.stopped ? `${down.name} is down` : `${down.name} was not up`);
    return down;
  }
}
