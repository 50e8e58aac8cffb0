// Moves agents away from a gateway that is about to be stopped.
import { openAccess } from '../../lib/access/open.ts';
import type { StatusAnswer } from '../../lib/api/contract.ts';
import { TunnelError } from '../../lib/base/errors.ts';
import { LIMITS } from '../../lib/base/limits.ts';
import { TunnelCommand } from '../../lib/cli/command.ts';
import { apiFlags, waitFlag } from '../../lib/cli/global-flags.ts';
import { parseWait } from '../../lib/cli/parse-wait.ts';
import type { ResultShape } from '../../lib/cli/shape.ts';

const ASK_EVERY_MS = 200;
/** For the ends of what was cut to be heard of. */
const AFTERWARDS_MS = 5000;

export default class GatewayDrain extends TunnelCommand<StatusAnswer> {
  static override summary = "Move agents away before a stop. Runs on the gateway's machine, or anywhere for someone logged in.";
  static override description =
    'From now on the gateway refuses new connections and new links, and tells its agents to move. Connections that run may end by themselves; what still runs when the wait is over is cut. ' +
    'Returns when nothing runs any more. The gateway then still answers its API; stop it and start it again to end the draining. SIGTERM alone does all of this, and then stops.';
  static override examples = [
    '<%= config.bin %> gateway drain --data-dir gw\nwaiting for 2 connections\ndrained: nothing runs, 1 agents are still linked',
    '<%= config.bin %> gateway drain --data-dir gw --wait 10m',
  ];
  static override flags = {
    ...apiFlags,
    wait: { ...waitFlag.wait, summary: 'How long running connections may take to end: 30s, 10m; 30s where not given.' },
  };
  static override result: ResultShape<StatusAnswer> = (shapes) => shapes.StatusAnswer;

  async run(): Promise<StatusAnswer> {
    const { flags } = await this.parse(GatewayDrain);
    const graceMs = flags.wait === undefined ? LIMITS.drainGraceMs : parseWait(flags.wait);
    const world = await this.world();
    const { clock } = world;
    const { signal } = this.interrupts;
    await using access = await openAccess({ dataDir: flags['data-dir'], configDir: this.configDir(flags), running: true }, world);
    const { client } = access;
    const begun = await client.drain({ grace_ms: graceMs }, signal);
    if (begun.channels > 0) this.note(`waiting for ${begun.channels} connections`);
    const until = clock.monotonic() + begun.grace_ms + AFTERWARDS_MS;
    for (;;) {
      const status = await client.status(signal);
      if (status.channels === 0) {
        this.log(`drained: nothing runs, ${status.agents_online} agents are still linked`);
        return status;
      }
      if (clock.monotonic() > until)
        throw new TunnelError('timeout', `${status.channels} connections still run`, { hint: 'Stop the gateway: that cuts them.' });
      await clock.sleep(ASK_EVERY_MS, signal);
      signal.throwIfAborted();
    }
  }
}
