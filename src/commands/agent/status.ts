// Says how the agent on this machine fares.
import type { AgentStatusAnswer } from '../../lib/api/agent-status.ts';
import { TunnelCommand } from '../../lib/cli/command.ts';
import { dataDirFlag, waitFlag } from '../../lib/cli/global-flags.ts';
import { parseWait } from '../../lib/cli/parse-wait.ts';
import type { ResultShape } from '../../lib/cli/shape.ts';
import { tryFor } from '../../lib/operator/try-for.ts';

export default class AgentStatus extends TunnelCommand<AgentStatusAnswer> {
  static override summary = "Show how the running agent fares: its links, over which transport and why. Runs on the agent's machine.";
  static override description =
    'Exit code 0 says that the agent runs, online or not; "state" tells which. Where it does not run, the exit code is 6 and the message names the identity that is stored.';
  static override examples = [
    '<%= config.bin %> agent status --data-dir ag\nFIELD       VALUE\nstate       online\nname        web1\ngateway     https://gw.example:8443\nsince       2026-11-21T21:04:21.855Z\nnot_after   2027-02-19T21:04:21.000Z\ntransport   quic\nroutes      10.0.0.0/24, *.corp.example\nlast_error  -\nLINK     TRANSPORT  REMOTE          SINCE                     CHANNELS\ncurrent  quic       192.0.2.1:8443  2026-11-21T21:04:21.855Z  0',
    '<%= config.bin %> agent status --data-dir ag --wait 30s --json',
  ];
  static override flags = { ...dataDirFlag, ...waitFlag };
  static override result: ResultShape<AgentStatusAnswer> = (shapes) => shapes.AgentStatusAnswer;

  async run(): Promise<AgentStatusAnswer> {
    const { flags } = await this.parse(AgentStatus);
    const waitMs = parseWait(flags.wait);
    const world = await this.world();
    const { signal } = this.interrupts;
    const { askStatus } = await import('../../lib/agent/ask-agent.ts');
    const status = await tryFor(waitMs, () => askStatus(this.dataDir(flags), world, signal), world.clock, signal);
    const { links, last_error, renewal_error, routes, transport, reason, ...rest } = status;
    await this.table(
      ['FIELD', 'VALUE'],
      [
        ...Object.entries(rest).map(([key, value]) => [key, String(value ?? '')]),
        ['transport', transport === null ? '' : withReason(transport, reason)],
        ['routes', routes.join(', ')],
        ['renewal_error', shownFailure(renewal_error)],
        ['last_error', shownFailure(last_error)],
      ],
    );
    const rows = links.map(({ transport, reason, remote, state, since, channels }) => [
      state,
      withReason(transport, reason),
      remote,
      since ?? '',
      String(channels),
    ]);
    if (rows.length > 0) await this.table(['LINK', 'TRANSPORT', 'REMOTE', 'SINCE', 'CHANNELS'], rows);
    return status;
  }
}

function withReason(transport: string, reason: string | null): string {
  return reason === null ? transport : `${transport}: ${reason}`;
}

function shownFailure(failure: AgentStatusAnswer['last_error']): string {
  return failure === null ? '' : `${failure.at} ${failure.message}`;
}
