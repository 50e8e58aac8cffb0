// Says how a running gateway fares.
import { openAccess } from '../../lib/access/open.ts';
import type { StatusAnswer } from '../../lib/api/contract.ts';
import { TunnelCommand } from '../../lib/cli/command.ts';
import { apiFlags, waitFlag } from '../../lib/cli/global-flags.ts';
import { parseWait } from '../../lib/cli/parse-wait.ts';
import type { ResultShape } from '../../lib/cli/shape.ts';
import { tryFor } from '../../lib/operator/try-for.ts';

export default class GatewayStatus extends TunnelCommand<StatusAnswer> {
  static override summary = "Show how the running gateway fares. Runs on the gateway's machine, or anywhere for someone logged in.";
  static override examples = [
    '<%= config.bin %> gateway status --data-dir gw --wait 30s\nFIELD          VALUE\nstate          running\nversion        0.1.0\nurl            https://gw.example:8443\ntcp            0.0.0.0:8443\nudp            0.0.0.0:8443\nagents_online  1\nchannels       0\npid            4242\n...',
  ];
  static override flags = { ...apiFlags, ...waitFlag };
  static override result: ResultShape<StatusAnswer> = (shapes) => shapes.StatusAnswer;

  async run(): Promise<StatusAnswer> {
    const { flags } = await this.parse(GatewayStatus);
    const waitMs = parseWait(flags.wait);
    const world = await this.world();
    const { signal } = this.interrupts;
    const ask = async () => {
      await using access = await openAccess({ dataDir: flags['data-dir'], configDir: this.configDir(flags), running: true }, world);
      return await access.client.status(signal);
    };
    const status = await tryFor(waitMs, ask, world.clock, signal);
    await this.table(
      ['FIELD', 'VALUE'],
      Object.entries({ ...status, ...named(status.edge), edge: undefined }).flatMap(([key, value]) =>
        value === undefined ? [] : [[key, String(value ?? '')]],
      ),
    );
    return status;
  }
}

/** The edge's process in lines of its own. */
function named(edge: StatusAnswer['edge']): Record<string, unknown> {
  return Object.fromEntries(Object.entries(edge ?? {}).map(([key, value]) => [`edge_${key}`, value]));
}
