// Lists the routes of all agents.
import { openAccess } from '../../lib/access/open.ts';
import type { RouteList } from '../../lib/api/agents.ts';
import { TunnelCommand } from '../../lib/cli/command.ts';
import { apiFlags, pageFlags } from '../../lib/cli/global-flags.ts';
import { moreText, pageQuery } from '../../lib/cli/page.ts';
import type { ResultShape } from '../../lib/cli/shape.ts';

export default class ListRoutes extends TunnelCommand<RouteList> {
  static override summary = "List which networks and names go through which agent. Runs on the gateway's machine, or anywhere for someone logged in.";
  static override description =
    'A route that is refused is asked for by the agent and not allowed: nothing goes by it (tunnel agent set --routes). OVERLAPS shows what other agents are allowed for the same hosts; ' +
    'the longest prefix or name wins, then the weight, then the most recent.';
  static override examples = [
    '<%= config.bin %> route list\nROUTE           AGENT  SITE  STATE   ORIGIN      OVERLAPS\n*.corp.example  web1   -     online  configured  -\n10.0.0.0/24     web1   -     online  configured  -',
  ];
  static override flags = { ...apiFlags, ...pageFlags };
  static override result: ResultShape<RouteList> = (shapes) => shapes.RouteList;

  async run(): Promise<RouteList> {
    const { flags } = await this.parse(ListRoutes);
    await using access = await openAccess({ dataDir: flags['data-dir'], configDir: this.configDir(flags) }, await this.world());
    const list = await access.client.listRoutes(pageQuery(flags), this.interrupts.signal);
    const rows = list.routes.map(({ route, agent, site, state, auto_detected, overlaps }) => [
      route,
      agent,
      site ?? '',
      state,
      auto_detected ? 'detected' : 'configured',
      overlaps.map((other) => `${other.route} (${other.agent})`).join(', '),
    ]);
    await this.table(['ROUTE', 'AGENT', 'SITE', 'STATE', 'ORIGIN', 'OVERLAPS'], rows, 'no routes');
    if (list.next !== null && !this.jsonEnabled()) this.note(moreText(list.next));
    return list;
  }
}
