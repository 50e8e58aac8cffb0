// Prints every limit that this version enforces.
import { LIMITS } from '../lib/base/limits.ts';
import { TunnelCommand } from '../lib/cli/command.ts';
import type { ResultShape } from '../lib/cli/shape.ts';

export default class ShowLimits extends TunnelCommand<Record<string, number>> {
  static override summary = 'Print the limits in force. Runs on any machine.';
  static override description = 'Durations are in milliseconds (_ms), sizes in bytes (_bytes).';
  static override examples = [
    '<%= config.bin %> limits\nLIMIT                       VALUE\nquic_handshake_ms           5000\nquic_head_start_ms          1500\nquic_return_ms              300000\n...',
    '<%= config.bin %> limits --json',
  ];
  static override result: ResultShape<Record<string, number>> = ({ z }) => z.record(z.string(), z.number());

  async run(): Promise<Record<string, number>> {
    await this.parse(ShowLimits);
    const limits = Object.entries(LIMITS).map(([name, value]) => [snakeCase(name), value] as const);
    const rows = limits.map(([name, value]) => [name, String(value)]);
    await this.table(['LIMIT', 'VALUE'], rows);
    return Object.fromEntries(limits);
  }
}

/** As all keys of JSON. */
function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
