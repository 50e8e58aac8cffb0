// Makes the agent that runs on this machine read its configuration again.
import type { ReloadAnswer } from '../../lib/api/config.ts';
import { TunnelCommand } from '../../lib/cli/command.ts';
import { dataDirFlag } from '../../lib/cli/global-flags.ts';
import { NOTHING_CHANGED, RELOAD_COLUMNS, reloadRows } from '../../lib/cli/reload-table.ts';
import type { ResultShape } from '../../lib/cli/shape.ts';

export default class ReloadAgent extends TunnelCommand<ReloadAnswer> {
  static override summary = "Read agent.json again. Runs on the agent's machine.";
  static override description =
    'Returns when it is in force, and says what has changed. Other routes are advertised at once on the links that stand, another transport takes over, and no stream is dropped. ' +
    'A file that is not good changes nothing: exit code 2, with the field and the line. SIGHUP does the same, with the outcome in the log.';
  static override examples = ['<%= config.bin %> agent reload --data-dir ag'];
  static override flags = { ...dataDirFlag };
  static override result: ResultShape<ReloadAnswer> = (shapes) => shapes.ReloadAnswer;

  async run(): Promise<ReloadAnswer> {
    const { flags } = await this.parse(ReloadAgent);
    const { askReload } = await import('../../lib/agent/ask-agent.ts');
    const answer = await askReload(this.dataDir(flags), await this.world(), this.interrupts.signal);
    await this.table(RELOAD_COLUMNS, reloadRows(answer), NOTHING_CHANGED);
    return answer;
  }
}
