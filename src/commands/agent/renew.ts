// Renews the certificate of the agent on this machine now, or changes its key.
import * as Flags from '@oclif/core/flags';
import type { AgentRenewalAnswer } from '../../lib/api/agent-renewal.ts';
import { TunnelCommand } from '../../lib/cli/command.ts';
import { dataDirFlag } from '../../lib/cli/global-flags.ts';
import type { ResultShape } from '../../lib/cli/shape.ts';

export default class RenewAgent extends TunnelCommand<AgentRenewalAnswer> {
  static override summary = "Get a new certificate from the gateway now. Runs on the agent's machine.";
  static override description =
    'An agent renews its certificate by itself when a third of its life is left; this does it at once, with the same key or with a new one, under the same id. ' +
    'A running agent goes on meanwhile, and none of its streams is dropped; one that does not run is linked for a moment. Success means that a link was made with the new certificate; a failure leaves the old one in force. ' +
    'The certificate before ends a day later, with --rotate-key ten minutes later.';
  static override examples = [
    '<%= config.bin %> agent renew --data-dir ag\nrenewed web1 (5ac8621a-b56a-4db3-a574-4c89ab9fd88a), certificate valid until 2027-02-19T21:05:52.000Z',
    '<%= config.bin %> agent renew --rotate-key --data-dir ag --json',
  ];
  static override flags = {
    ...dataDirFlag,
    'rotate-key': Flags.boolean({ summary: 'Make a new key; the old one ends.', default: false }),
  };
  static override result: ResultShape<AgentRenewalAnswer> = (shapes) => shapes.AgentRenewalAnswer;

  async run(): Promise<AgentRenewalAnswer> {
    const { flags } = await this.parse(RenewAgent);
    const world = await this.world();
    const { signal } = this.interrupts;
    const { renewAgent } = await import('../../lib/agent/renew-agent.ts');
    const renewed = await renewAgent({ dataDir: this.dataDir(flags), rotateKey: flags['rotate-key'] }, world, signal);
    const { name, agent_id, not_after, key_changed } = renewed;
    this.log(`renewed ${name} (${agent_id})${key_changed ? ' with a new key' : ''}, certificate valid until ${not_after}`);
    return renewed;
  }
}
