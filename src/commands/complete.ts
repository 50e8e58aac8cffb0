// Names for a shell that completes a command line; asked by its script, never by people.
import * as Args from '@oclif/core/args';
import { completeNames } from '../lib/access/complete-names.ts';
import { TunnelCommand } from '../lib/cli/command.ts';
import { DYNAMIC } from '../lib/cli/completion/tables.ts';
import { apiFlags } from '../lib/cli/global-flags.ts';
import type { Shapes, Shown } from '../lib/cli/shape.ts';

const result = ({ z }: Shapes) => z.object({ names: z.array(z.string()) });

export default class Complete extends TunnelCommand<Shown<typeof result>> {
  static override hidden = true;
  static override summary = 'Print the names that a shell completes, one a line. Runs on any machine.';
  static override description = 'Nothing is printed where they cannot be had within a second.';
  static override examples = ['<%= config.bin %> complete agents'];
  static override args = { kind: Args.option({ description: 'Names of what.', options: DYNAMIC, ignoreStdin: true })({ required: true }) };
  static override flags = apiFlags;
  static override result = result;

  async run(): Promise<Shown<typeof result>> {
    const { args, flags } = await this.parse(Complete);
    const names = await completeNames(args.kind, flags['data-dir'], this.configDir(flags), await this.world(), this.interrupts.signal);
    this.log(...names);
    return { names };
  }
}
