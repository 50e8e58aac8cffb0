// Ends a session.
import * as Args from '@oclif/core/args';
import { openAccess } from '../../lib/access/open.ts';
import { TunnelCommand } from '../../lib/cli/command.ts';
import { cutText } from '../../lib/cli/cut-text.ts';
import { apiFlags } from '../../lib/cli/global-flags.ts';
import type { Shapes, Shown } from '../../lib/cli/shape.ts';

const result = ({ z, CutAnswer }: Shapes) => z.object({ closed: z.string(), cut: CutAnswer });

export default class CloseSession extends TunnelCommand<Shown<typeof result>> {
  static override summary =
    "End a session: its connections are cut and the programs that use it end. Runs on the gateway's machine, or anywhere for someone logged in.";
  static override description = 'An operator ends its own, an admin any. Nothing keeps the operator from opening another: lock session does.';
  static override examples = [
    '<%= config.bin %> session close 0b0e6c1e-6f0c-4f0e-9d53-6a3f2f6d2f11\nclosed 0b0e6c1e-6f0c-4f0e-9d53-6a3f2f6d2f11, cut 1 session',
  ];
  static override args = { session: Args.string({ description: 'ID, as session list shows it.', required: true, ignoreStdin: true }) };
  static override flags = { ...apiFlags };
  static override result = result;

  async run(): Promise<Shown<typeof result>> {
    const { args, flags } = await this.parse(CloseSession);
    await using access = await openAccess({ dataDir: flags['data-dir'], configDir: this.configDir(flags) }, await this.world());
    const cut = await access.client.closeSession(args.session, this.interrupts.signal);
    this.log(`closed ${args.session}, ${cutText(cut)}`);
    return { closed: args.session, cut };
  }
}
