// Lists agents as the gateway knows them.
import { openAccess } from '../../lib/access/open.ts';
import type { AgentList } from '../../lib/api/agents.ts';
import { TunnelCommand } from '../../lib/cli/command.ts';
import { apiFlags, pageFlags } from '../../lib/cli/global-flags.ts';
import { moreText, pageQuery } from '../../lib/cli/page.ts';
import type { ResultShape } from '../../lib/cli/shape.ts';

export default class ListAgents extends TunnelCommand<AgentList> {
  static override summary = "List agents, their state, routes and ports. Runs on the gateway's machine, or anywhere for someone logged in.";
  static override description = 'An operator sees the agents that policy lets this operator reach, an admin sees all.';
  static override examples = [
    '<%= config.bin %> agent list\nNAME  STATE   TRANSPORT  ROUTES                      PORTS    LAST SEEN\nweb1  online  quic       10.0.0.0/24,*.corp.example  22,3389  2026-11-21T21:04:21.855Z',
    '<%= config.bin %> agent list --data-dir gw --json',
  ];
  static override flags = { ...apiFlags, ...pageFlags };
  static override result: ResultShape<AgentList> = (shapes) => shapes.AgentList;

  async run(): Promise<AgentList> {
    const { flags } = await this.parse(ListAgents);
    await using access = await openAccess({ dataDir: flags['data-dir'], configDir: this.configDir(flags) }, await this.world());
    const list = await access.client.listAgents(pageQuery(flags), this.interrupts.signal);
    const rows = list.agents.map(({ name, state, alarm, transport, routes, ports, last_seen, not_after, expires_soon }) => [
      name,
      [state, ...(alarm ? [alarm] : []), ...(expires_soon ? [`certificate ends ${not_after}`] : [])].join(', '),
      transport ?? '',
      routes.join(','),
      ports.join(','),
      last_seen ?? '',
    ]);
    await this.table(['NAME', 'STATE', 'TRANSPORT', 'ROUTES', 'PORTS', 'LAST SEEN'], rows, 'no agents');
    if (list.next !== null && !this.jsonEnabled()) this.note(moreText(list.next));
    return list;
  }
}
