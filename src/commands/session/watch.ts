// Follows sessions of operators on agents.
import { openAccess } from '../../lib/access/open.ts';
import { followSessions, type SessionChange } from '../../lib/api/follow-sessions.ts';
import { TunnelCommand } from '../../lib/cli/command.ts';
import { apiFlags } from '../../lib/cli/global-flags.ts';
import type { EventShapes } from '../../lib/cli/shape.ts';

export default class WatchSessions extends TunnelCommand<undefined> {
  static override summary = "Follow sessions as they open, change and end. Runs on the gateway's machine, or anywhere for someone logged in.";
  static override description =
    'An operator sees its own, an admin sees all: first those that are live, then each change, until it is interrupted; with --json one object a line, "change" being live, changed or ended. What it carries and why it ended stand beside.';
  static override examples = [
    '<%= config.bin %> session watch\n2026-11-21T21:04:24.342Z  live  be5ba9c7-6295-4672-90d6-9e36e7fc2c91  alice on web1\n2026-11-21T21:04:30.234Z  ended  be5ba9c7-6295-4672-90d6-9e36e7fc2c91  alice on web1  operator-closed',
    '<%= config.bin %> session watch --data-dir gw --json',
  ];
  static override flags = { ...apiFlags };
  static override events: EventShapes = ({ SessionRow, z }) => ({ session: SessionRow.extend({ change: z.enum(['live', 'changed', 'ended']) }) });

  async run(): Promise<undefined> {
    const { flags } = await this.parse(WatchSessions);
    const world = await this.world();
    await using access = await openAccess({ dataDir: flags['data-dir'], configDir: this.configDir(flags) }, world);
    for await (const seen of followSessions(access.client, world.clock, this.interrupts.signal)) {
      this.event({ event: 'session', change: seen.change, ...seen.session });
      this.log(lineOf(seen));
    }
    return undefined;
  }
}

function lineOf({ change, session: { id, operator, agent, targets, reason, opened_at, ended_at } }: SessionChange): string {
  return [ended_at ?? opened_at, change, id, `${operator} on ${agent}`, targets.join(','), reason ?? ''].filter(Boolean).join('  ');
}
