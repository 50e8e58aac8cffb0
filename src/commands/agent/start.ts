// Runs an agent in the foreground.
import * as Flags from '@oclif/core/flags';
import { TRANSPORT_CHOICES } from '../../lib/agent/choose-transport.ts';
import { TunnelError } from '../../lib/base/errors.ts';
import { TunnelCommand } from '../../lib/cli/command.ts';
import { givenByVariable } from '../../lib/cli/environment.ts';
import { dataDirFlag, quicEndpointFlag, waitFlag } from '../../lib/cli/global-flags.ts';
import { Hangups } from '../../lib/cli/hangups.ts';
import { parseWait } from '../../lib/cli/parse-wait.ts';
import type { EventShapes } from '../../lib/cli/shape.ts';

export default class AgentStart extends TunnelCommand<undefined> {
  static override summary = "Run the agent in the foreground. Runs on the agent's machine, after agent enroll.";
  static override description =
    'Waits for its gateway for as long as it takes and comes back after every interruption. It is linked over QUIC, or over TLS where QUIC has not completed within 1.5 s; from there it goes back to QUIC when that works, and no stream is dropped. Where agent.json names routes but no name, the DNS domain of this machine is offered too, and counts if an administrator allowed it. Prints one line when it is online, and tells systemd; ' +
    'with --wait it gives up when that takes longer. SIGHUP reads agent.json again: other routes are advertised at once on the links that stand, another transport takes over, and no stream is dropped; the log says how it went. SIGINT or SIGTERM ends it with exit code 0; a certificate that has ended, and that the gateway refuses, with 3.';
  static override examples = [
    '<%= config.bin %> agent start --data-dir ag\nready, linked to https://gw.example:8443 over quic: 10.0.0.0/24, *.corp.example',
    '<%= config.bin %> agent start --data-dir ag --wait 30s --json',
  ];
  static override flags = {
    ...dataDirFlag,
    ...quicEndpointFlag,
    ...waitFlag,
    transport: Flags.option({
      summary: 'QUIC first and TLS where QUIC does not get through, or only one of them; auto where neither this nor agent.json says.',
      options: TRANSPORT_CHOICES,
      helpValue: TRANSPORT_CHOICES.join('|'),
    })(),
  };
  static override events: EventShapes = ({ z }) => ({ ready: z.object({ gateway: z.string(), transport: z.string(), routes: z.array(z.string()) }) });

  protected override endsBySignal = true;

  async run(): Promise<undefined> {
    using hangups = new Hangups();
    const { flags, raw } = await this.parse(AgentStart);
    const waitMs = parseWait(flags.wait);
    const world = await this.world('info');
    const { signal } = this.interrupts;
    const { startAgent } = await import('../../lib/agent/start.ts');
    const options = {
      dataDir: this.dataDir(flags),
      quicEndpoint: flags['quic-endpoint'],
      transport: flags.transport,
      logLevel: flags.debug ? ('debug' as const) : undefined,
      byVariable: givenByVariable(flags, raw),
    };
    await using agent = await startAgent(options, world);
    hangups.use(() => agent.reload());
    const tooLate = new AbortController();
    using _limit = waitMs === 0 ? undefined : world.clock.after(waitMs, () => tooLate.abort(late(flags.wait ?? '')));
    const { gateway, transport, routes } = await agent.online(AbortSignal.any([signal, tooLate.signal]));
    await this.ready({ event: 'ready', gateway, transport, routes }, `ready, linked to ${gateway} over ${transport}: ${routes.join(', ') || 'no routes'}`);
    await Promise.race([this.interrupts.wait(), agent.stopped]);
  }
}

function late(wait: string): TunnelError {
  return new TunnelError('timeout', `the agent was not online within ${wait}`, {
    hint: 'Its log says what keeps it from the gateway, and so does tunnel agent status while it runs.',
  });
}
