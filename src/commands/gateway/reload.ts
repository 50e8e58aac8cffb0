// Makes a running gateway read its configuration again.
import { openAccess } from '../../lib/access/open.ts';
import type { ReloadAnswer } from '../../lib/api/config.ts';
import { TunnelCommand } from '../../lib/cli/command.ts';
import { apiFlags } from '../../lib/cli/global-flags.ts';
import { NOTHING_CHANGED, RELOAD_COLUMNS, reloadRows } from '../../lib/cli/reload-table.ts';
import type { ResultShape } from '../../lib/cli/shape.ts';

export default class GatewayReload extends TunnelCommand<ReloadAnswer> {
  static override summary = "Read gateway.json again, and the server's certificate. Runs on the gateway's machine, or anywhere for someone logged in.";
  static override description =
    'Returns when it is in force, and says what has changed and what waits for the next start. No link, session or stream is dropped. A file that is not good changes nothing: exit code 2, with the field and the line. SIGHUP does the same, with the outcome in the log.';
  static override examples = [
    '<%= config.bin %> gateway reload --data-dir gw\nSETTING          BEFORE        AFTER        NOTE\nlongest_session  -             8h           -\nlisten           0.0.0.0:8443  0.0.0.0:443  waits for the next start',
  ];
  static override flags = { ...apiFlags };
  static override result: ResultShape<ReloadAnswer> = (shapes) => shapes.ReloadAnswer;

  async run(): Promise<ReloadAnswer> {
    const { flags } = await this.parse(GatewayReload);
    await using access = await openAccess({ dataDir: flags['data-dir'], configDir: this.configDir(flags), running: true }, await this.world());
    const answer = await access.client.reload(this.interrupts.signal);
    await this.table(RELOAD_COLUMNS, reloadRows(answer), NOTHING_CHANGED);
    return answer;
  }
}
