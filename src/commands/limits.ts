// Prints every limit that this version enforces.
import { LIMITS, type Limits } from '../lib/base/limits.ts';
import { TunnelCommand } from '../lib/cli/command.ts';
import { formatTable } from '../lib/cli/table.ts';

export default class ShowLimits extends TunnelCommand<Limits> {
  static override summary = 'Print the limits in force. Runs on any machine.';
  static override description = 'Durations are in milliseconds, sizes in bytes.';
  static override examples = ['<%= config.bin %> limits', '<%= config.bin %> limits --json'];

  async run(): Promise<Limits> {
    await this.parse(ShowLimits);
    const rows = Object.entries(LIMITS).map(([name, value]) => [name, String(value)]);
    this.log(formatTable(['LIMIT', 'VALUE'], rows, ''));
    return LIMITS;
  }
}
