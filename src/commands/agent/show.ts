// Shows one agent as the gateway knows it.
import * as Args from '@oclif/core/args';
import { openAccess } from '../../lib/access/open.ts';
import type { AgentRow } from '../../lib/api/agents.ts';
import { TunnelCommand } from '../../lib/cli/command.ts';
import { apiFlags } from '../../lib/cli/global-flags.ts';
import { lockText } from '../../lib/cli/lock-text.ts';
import type { ResultShape } from '../../lib/cli/shape.ts';

export default class ShowAgent extends TunnelCommand<AgentRow> {
  static override summary = "Show all that the gateway knows about one agent. Runs on the gateway's machine, or anywhere for someone logged in.";
  static override examples = [
    '<%= config.bin %> agent show web1\nFIELD      VALUE\nid         5ac8621a-b56a-4db3-a574-4c89ab9fd88a\nname       web1\nstate      online\ntransport  quic\nroutes     10.0.0.0/24, *.corp.example\nports      22, 3389\nlast_seen  2026-11-21T21:04:22.856Z\nnot_after  2027-02-19T21:04:21.000Z\nlinks      quic since 2026-11-21T21:04:21.845Z\n...',
  ];
  static override args = { agent: Args.string({ description: 'Name or id of the agent.', required: true, ignoreStdin: true }) };
  static override flags = { ...apiFlags };
  static override result: ResultShape<AgentRow> = (shapes) => shapes.AgentRow;

  async run(): Promise<AgentRow> {
    const { args, flags } = await this.parse(ShowAgent);
    await using access = await openAccess({ dataDir: flags['data-dir'], configDir: this.configDir(flags) }, await this.world());
    const agent = await access.client.getAgent(args.agent, this.interrupts.signal);
    const { links, transport_reason: _, ...plain } = agent;
    const shown = { ...plain, transport: describeTransport(agent), links: links.map(describeLink), lock: lockText(agent.lock) };
    const rows = Object.entries(shown).map(([key, value]) => [key, Array.isArray(value) ? value.join(', ') : String(value ?? '')]);
    await this.table(['FIELD', 'VALUE'], rows);
    if (agent.alarm === 'flapping' && !this.jsonEnabled()) this.note(FLAPPING);
    return agent;
  }
}

const FLAPPING = 'Two processes use this identity and replaced each other; the newer one is held off. Enrol each machine with a string of its own.';

type Link = AgentRow['links'][number];

function describeTransport({ transport, transport_reason: reason }: Pick<Link, 'transport_reason'> & Pick<AgentRow, 'transport'>): string {
  return [transport ?? '', ...(reason ? [reason] : [])].join(': ');
}

function describeLink(link: Link): string {
  return `${describeTransport(link)}${link.remote === null ? '' : ` from ${link.remote}`} since ${link.since}`;
}
