// Makes this machine an agent of a gateway.
import { hostname } from 'node:os';
import * as Flags from '@oclif/core/flags';
import type { Enrolled } from '../../lib/agent/enrol.ts';
import { TunnelCommand } from '../../lib/cli/command.ts';
import { dataDirFlag, quicEndpointFlag, tokenFileFlag, waitFlag } from '../../lib/cli/global-flags.ts';
import { parseWait } from '../../lib/cli/parse-wait.ts';
import type { ResultShape } from '../../lib/cli/shape.ts';
import { readTokenFile } from '../../lib/cli/token-file.ts';
import { tryFor } from '../../lib/operator/try-for.ts';

export default class EnrollAgent extends TunnelCommand<Enrolled> {
  static override summary = "Enrol this machine as an agent with a string that works once. Runs on the agent's machine.";
  static override description =
    'The key is made here and never leaves this machine. Success means that a link to the gateway was seen to work. Enrolling again replaces the identity; a failure leaves the old one as it was, and the same command finishes within five minutes what was cut short.';
  static override examples = [
    '<%= config.bin %> agent enroll --token-file web1.token --data-dir ag\nenrolled web1 (5ac8621a-b56a-4db3-a574-4c89ab9fd88a) at https://gw.example:8443, certificate valid until 2027-02-19T21:04:21.000Z',
    'ssh admin@gw cat web1.token | <%= config.bin %> agent enroll --token-file -',
  ];
  static override flags = {
    ...tokenFileFlag,
    ...dataDirFlag,
    ...quicEndpointFlag,
    ...waitFlag,
    'no-verify': Flags.boolean({ summary: 'Do not try the link.' }),
  };
  static override result: ResultShape<Enrolled> = ({ z, name, time, uuid }) => z.object({ agent_id: uuid, name, gateway: z.string(), not_after: time });

  async run(): Promise<Enrolled> {
    const { flags } = await this.parse(EnrollAgent);
    const waitMs = parseWait(flags.wait);
    const world = await this.world();
    const { token, warning } = await readTokenFile(flags['token-file'], world.files);
    if (warning !== undefined) this.note(warning);
    const { enrol } = await import('../../lib/agent/enrol.ts');
    const { signal } = this.interrupts;
    const options = {
      enrolmentString: token,
      dataDir: this.dataDir(flags),
      quicEndpoint: flags['quic-endpoint'],
      verify: !flags['no-verify'],
      os: process.platform,
      hostname: hostname(),
    };
    const enrolled = await tryFor(waitMs, () => enrol(options, world, signal), world.clock, signal);
    this.log(`enrolled ${enrolled.name} (${enrolled.agent_id}) at ${enrolled.gateway}, certificate valid until ${enrolled.not_after}`);
    return enrolled;
  }
}
