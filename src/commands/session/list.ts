// Lists sessions of operators on agents.
import * as Flags from '@oclif/core/flags';
import { openAccess } from '../../lib/access/open.ts';
import type { SessionList } from '../../lib/api/locks.ts';
import { TunnelCommand } from '../../lib/cli/command.ts';
import { apiFlags, pageFlags } from '../../lib/cli/global-flags.ts';
import { moreText, pageQuery } from '../../lib/cli/page.ts';
import type { ResultShape } from '../../lib/cli/shape.ts';

export default class ListSessions extends TunnelCommand<SessionList> {
  static override summary = "List sessions and what they carry. Runs on the gateway's machine, or anywhere for someone logged in.";
  static override description = 'An operator sees its own, an admin sees all. Those that have ended are shown with --ended, and always while they are locked.';
  static override examples = [
    '<%= config.bin %> session list\nID                                    OPERATOR  AGENT  STATE  OPENED                    TARGETS  REASON\nbe5ba9c7-6295-4672-90d6-9e36e7fc2c91  alice     web1   live   2026-11-21T21:04:24.342Z  -        -',
    '<%= config.bin %> session list --ended --data-dir gw --json',
  ];
  static override flags = { ...apiFlags, ...pageFlags, ended: Flags.boolean({ summary: 'Also those that have ended, and why.' }) };
  static override result: ResultShape<SessionList> = (shapes) => shapes.SessionList;

  async run(): Promise<SessionList> {
    const { flags } = await this.parse(ListSessions);
    await using access = await openAccess({ dataDir: flags['data-dir'], configDir: this.configDir(flags) }, await this.world());
    const list = await access.client.listSessions({ ...pageQuery(flags), ended: flags.ended ? 'true' : 'false' }, this.interrupts.signal);
    const rows = list.sessions.map(({ id, operator, agent, state, opened_at, targets, reason, lock }) => [
      id,
      operator,
      agent,
      lock === null ? state : `${state}, locked`,
      opened_at,
      targets.join(','),
      lock?.reason ?? reason ?? '',
    ]);
    await this.table(['ID', 'OPERATOR', 'AGENT', 'STATE', 'OPENED', 'TARGETS', 'REASON'], rows, 'no sessions');
    if (list.next !== null && !this.jsonEnabled()) this.note(moreText(list.next));
    return list;
  }
}
