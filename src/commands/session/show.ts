// Shows one session.
import * as Args from '@oclif/core/args';
import { openAccess } from '../../lib/access/open.ts';
import type { SessionRow } from '../../lib/api/locks.ts';
import { TunnelCommand } from '../../lib/cli/command.ts';
import { apiFlags } from '../../lib/cli/global-flags.ts';
import { lockText } from '../../lib/cli/lock-text.ts';
import type { ResultShape } from '../../lib/cli/shape.ts';

export default class ShowSession extends TunnelCommand<SessionRow> {
  static override summary = "Show one session: whose it is, what it carries, why it ended. Runs on the gateway's machine, or anywhere for someone logged in.";
  static override examples = [
    '<%= config.bin %> session show 0b0e6c1e-6f0c-4f0e-9d53-6a3f2f6d2f11\nFIELD         VALUE\nid            0b0e6c1e-6f0c-4f0e-9d53-6a3f2f6d2f11\noperator      alice\nagent         web1\nstate         live\nopened_at     2026-11-21T21:04:24.342Z\nidle_ends_at  2026-11-21T21:19:24.370Z\n...',
  ];
  static override args = { session: Args.string({ description: 'ID, as session list shows it.', required: true, ignoreStdin: true }) };
  static override flags = { ...apiFlags };
  static override result: ResultShape<SessionRow> = (shapes) => shapes.SessionRow;

  async run(): Promise<SessionRow> {
    const { args, flags } = await this.parse(ShowSession);
    await using access = await openAccess({ dataDir: flags['data-dir'], configDir: this.configDir(flags) }, await this.world());
    const session = await access.client.getSession(args.session, this.interrupts.signal);
    const shown = { ...session, targets: session.targets.join(', '), lock: lockText(session.lock) };
    await this.table(
      ['FIELD', 'VALUE'],
      Object.entries(shown).map(([key, value]) => [key, value ?? '']),
    );
    return session;
  }
}
