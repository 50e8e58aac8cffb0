// Reads the audit log of a gateway, or follows it.
import * as Flags from '@oclif/core/flags';
import { openAccess } from '../lib/access/open.ts';
import type { AuditFilter, AuditPage } from '../lib/api/audit.ts';
import { followAudit } from '../lib/api/follow-audit.ts';
import { TunnelCommand } from '../lib/cli/command.ts';
import { apiFlags, pageFlags } from '../lib/cli/global-flags.ts';
import { moreText, pageQuery } from '../lib/cli/page.ts';
import { parseMoment } from '../lib/cli/parse-moment.ts';
import type { EventShapes, ResultShape } from '../lib/cli/shape.ts';

export default class Audit extends TunnelCommand<AuditPage | undefined> {
  static override summary = "Read the audit log, oldest first. Runs on the gateway's machine, or anywhere for an admin who is logged in.";
  static override description =
    'With --follow it prints what is there and then each row as it comes, until it is interrupted; with --json one object a line. The number of the last row is the cursor to go on from: --after.';
  static override examples = [
    '<%= config.bin %> audit --data-dir gw\nSEQ  TIME                      CODE             ACTOR        SUBJECT                                     DETAIL\n2    2026-11-21T21:04:19.220Z  gateway.started  gateway      gateway                                     {"version":"0.1.0","url":"https://gw.example:8443","tcp":"0.0.0.0:8443","udp":"0.0.0.0:8443","proxy":null}\n3    2026-11-21T21:04:19.712Z  token.minted     local-admin  token:0b4e8371-1fa0-427c-b16a-9b4db06aae8a  {"kind":"agent","name":"web1"}',
    '<%= config.bin %> audit --code channel.refused --actor operator:alice --since 2h --json',
    '<%= config.bin %> audit --follow --after 1200 --json',
  ];
  static override flags = {
    ...apiFlags,
    ...pageFlags,
    code: Flags.string({ summary: 'Rows of this code, or of all that begin with it: channel.refused, agent.', helpValue: 'CODE' }),
    actor: Flags.string({ summary: 'Rows of what this one did: operator:alice, agent:web1, local-admin.', helpValue: 'WHO' }),
    subject: Flags.string({ summary: 'Rows of what was done to this: agent:web1, target:10.0.0.5:22.', helpValue: 'WHAT' }),
    since: Flags.string({ summary: 'Rows from this time on: 2026-01-31T10:00:00Z, or 2h for two hours ago.', helpValue: 'TIME' }),
    until: Flags.string({ summary: 'Rows before this time, written the same way.', helpValue: 'TIME' }),
    follow: Flags.boolean({ char: 'f', summary: 'Go on with each row as it comes.' }),
  };
  static override result: ResultShape<AuditPage> = (shapes) => shapes.AuditPage;
  static override events: EventShapes = ({ AuditRow }) => ({ audit: AuditRow });

  async run(): Promise<AuditPage | undefined> {
    const { flags } = await this.parse(Audit);
    const world = await this.world();
    const now = world.clock.now();
    const filter: AuditFilter = {
      code: flags.code,
      actor: flags.actor,
      subject: flags.subject,
      since: parseMoment(flags.since, now, '--since'),
      until: parseMoment(flags.until, now, '--until'),
    };
    await using access = await openAccess({ dataDir: flags['data-dir'], configDir: this.configDir(flags) }, world);
    const query = { ...pageQuery(flags), ...filter };
    if (flags.follow) {
      for await (const row of followAudit(access.client, query, world.clock, this.interrupts.signal)) {
        this.event({ event: 'audit', ...row });
        this.log(cells(row).join('  '));
      }
      return undefined;
    }
    const page = await access.client.audit(query, this.interrupts.signal);
    await this.table(['SEQ', 'TIME', 'CODE', 'ACTOR', 'SUBJECT', 'DETAIL'], page.rows.map(cells), 'nothing recorded');
    if (page.next !== null && !this.jsonEnabled()) this.note(moreText(page.next));
    return page;
  }
}

function cells({ seq, time, code, actor, subject, detail }: AuditPage['rows'][number]): string[] {
  return [String(seq), time, code, actor, subject, JSON.stringify(detail)];
}
