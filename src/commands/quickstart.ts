// Shows the whole thing on one machine.
import * as Flags from '@oclif/core/flags';
import { TunnelCommand } from '../lib/cli/command.ts';
import type { QuickstartResult } from '../lib/quickstart/quickstart.ts';

export default class Quickstart extends TunnelCommand<QuickstartResult> {
  static override summary = 'Try it all on this machine: CA, gateway, agent and a demo target, and one answer through them.';
  static override description = 'Everything is real and on ports that the system chooses. Nothing is left behind, unless --keep leaves it running until Ctrl-C.';
  static override examples = ['<%= config.bin %> quickstart', '<%= config.bin %> quickstart --keep'];
  static override flags = {
    keep: Flags.boolean({ summary: 'Leave it running until interrupted.' }),
  };

  async run(): Promise<QuickstartResult> {
    const { flags } = await this.parse(Quickstart);
    const { quickstart } = await import('../lib/quickstart/quickstart.ts');
    return await quickstart({ keep: flags.keep }, await this.world(), this.interrupts.signal);
  }
}
