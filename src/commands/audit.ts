// Reads the audit log of a gateway.
import { openAccess } from '../lib/access/open.ts';
import type { AuditPage } from '../lib/api/contract.ts';
import { TunnelCommand } from '../lib/cli/command.ts';
import { apiFlags, pageFlags } from '../lib/cli/global-flags.ts';
import { moreText, pageQuery } from '../lib/cli/page.ts';

export default class Audit extends TunnelCommand<AuditPage> {
  static override summary = "Read the audit log, oldest first. Runs on the gateway's machine, or anywhere for an admin who is logged in.";
  static override examples = ['<%= config.bin %> audit --data-dir gw', '<%= config.bin %> audit --after 1200 --json'];
  static override flags = { ...apiFlags, ...pageFlags };

  async run(): Promise<AuditPage> {
    const { flags } = await this.parse(Audit);
    await using access = await openAccess({ dataDir: flags['data-dir'], configDir: this.configDir(flags) }, await this.world());
    const page = await access.client.audit(pageQuery(flags), this.interrupts.signal);
    const rows = page.rows.map(({ seq, time, code, actor, subject, detail }) => [String(seq), time, code, actor, subject, JSON.stringify(detail)]);
    await this.table(['SEQ', 'TIME', 'CODE', 'ACTOR', 'SUBJECT', 'DETAIL'], rows, 'nothing recorded');
    if (page.next !== null && !this.jsonEnabled()) this.note(moreText(page.next));
    return page;
  }
}
