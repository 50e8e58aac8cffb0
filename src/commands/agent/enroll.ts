// Makes this machine an agent of a gateway.
import { TunnelCommand } from '../../lib/cli/command.ts';
import { dataDirFlag, tokenFileFlag, waitFlag } from '../../lib/cli/global-flags.ts';
import { parseWait } from '../../lib/cli/parse-wait.ts';
import { readTokenFile } from '../../lib/cli/token-file.ts';
import { tryFor } from '../../lib/operator/try-for.ts';

interface Enrolled {
  readonly agent_id: string;
  readonly name: string;
  readonly gateway: string;
  readonly not_after: string;
}

export default class EnrollAgent extends TunnelCommand<Enrolled> {
  static override summary = "Enrol this machine as an agent with a string that works once. Runs on the agent's machine.";
  static override description = 'The key is made here and never leaves this machine. Enrolling again replaces the identity; a failure leaves the old one as it was.';
  static override examples = ['<%= config.bin %> agent enroll --token-file web1.token --data-dir ag', 'ssh admin@gw cat web1.token | <%= config.bin %> agent enroll --token-file -'];
  static override flags = { ...tokenFileFlag, ...dataDirFlag, ...waitFlag };

  async run(): Promise<Enrolled> {
    const { flags } = await this.parse(EnrollAgent);
    const waitMs = parseWait(flags.wait);
    const world = await this.world();
    const { token, warning } = await readTokenFile(flags['token-file'], world.files);
    if (warning !== undefined) this.note(warning);
    const { enrol } = await import('../../lib/agent/enrol.ts');
    const { signal } = this.interrupts;
    const { agentId, name, gateway, notAfter } = await tryFor(waitMs, () => enrol({ token, dataDir: this.dataDir(flags) }, world, signal), world.clock, signal);
    this.log(`enrolled ${name} (${agentId}) at ${gateway}, certificate valid until ${notAfter}`);
    return { agent_id: agentId, name, gateway, not_after: notAfter };
  }
}
