// Lists operators as the gateway knows them.
import { openAccess } from '../../lib/access/open.ts';
import type { OperatorList } from '../../lib/api/locks.ts';
import { TunnelCommand } from '../../lib/cli/command.ts';
import { apiFlags, pageFlags } from '../../lib/cli/global-flags.ts';
import { moreText, pageQuery } from '../../lib/cli/page.ts';
import type { ResultShape } from '../../lib/cli/shape.ts';

export default class ListOperators extends TunnelCommand<OperatorList> {
  static override summary = "List operators and administrators, and which are locked. Runs on the gateway's machine, or anywhere for an admin.";
  static override examples = [
    '<%= config.bin %> operator list\nNAME   KIND      STATE   AGENTS  SESSIONS  REASON\nalice  operator  active  web1    1         -',
    '<%= config.bin %> operator list --data-dir gw --json',
  ];
  static override flags = { ...apiFlags, ...pageFlags };
  static override result: ResultShape<OperatorList> = (shapes) => shapes.OperatorList;

  async run(): Promise<OperatorList> {
    const { flags } = await this.parse(ListOperators);
    await using access = await openAccess({ dataDir: flags['data-dir'], configDir: this.configDir(flags) }, await this.world());
    const list = await access.client.listOperators(pageQuery(flags), this.interrupts.signal);
    const rows = list.operators.map(({ name, kind, agents, sessions, lock }) => [
      name,
      kind,
      lock === null ? 'active' : 'locked',
      agents?.join(',') ?? 'all',
      String(sessions),
      lock?.reason ?? '',
    ]);
    await this.table(['NAME', 'KIND', 'STATE', 'AGENTS', 'SESSIONS', 'REASON'], rows, 'no operators');
    if (list.next !== null && !this.jsonEnabled()) this.note(moreText(list.next));
    return list;
  }
}
