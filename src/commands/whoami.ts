// Says who is logged in, as the gateway sees it.
import type { WhoamiAnswer } from '../lib/api/contract.ts';
import { TunnelCommand } from '../lib/cli/command.ts';
import { configDirFlag } from '../lib/cli/global-flags.ts';
import type { ResultShape } from '../lib/cli/shape.ts';

export default class Whoami extends TunnelCommand<WhoamiAnswer> {
  static override summary = "Show who is logged in, asking the gateway. Runs on the operator's machine.";
  static override examples = [
    '<%= config.bin %> whoami\nalice (operator) at https://gw.example:8443 until 2026-12-21T19:08:20.755Z\nagents: web1; targets: all',
  ];
  static override flags = { ...configDirFlag };
  static override result: ResultShape<WhoamiAnswer> = (shapes) => shapes.WhoamiAnswer;

  async run(): Promise<WhoamiAnswer> {
    const { flags } = await this.parse(Whoami);
    const { openRemote } = await import('../lib/operator/remote.ts');
    const { client } = await openRemote(this.configDir(flags), await this.world());
    const answer = await client.whoami(this.interrupts.signal);
    this.log(`${answer.operator} (${answer.kind}) at ${answer.gateway}${answer.expires_at === null ? '' : ` until ${answer.expires_at}`}`);
    this.log(`agents: ${answer.agents?.join(', ') ?? 'all'}; targets: ${answer.targets?.join(', ') ?? 'all'}`);
    return answer;
  }
}
