// Takes the agent's service away again.
import { TunnelCommand } from '../../lib/cli/command.ts';
import { serviceFlags } from '../../lib/cli/service-flags.ts';
import type { ResultShape } from '../../lib/cli/shape.ts';
import { describeService } from '../../lib/system/service/describe.ts';
import { type Installed, uninstallService } from '../../lib/system/service/manage.ts';

type Result = Omit<Installed, 'started'>;

export default class UninstallAgent extends TunnelCommand<Result> {
  static override summary = "Stop the agent's service and remove it. Runs on the agent's machine, as root.";
  static override description = 'The data folder stays as it is: key, certificate, settings.';
  static override examples = ['<%= config.bin %> agent uninstall\ntunnel-agent is removed; /var/lib/tunnel stays'];
  static override flags = serviceFlags;
  static override result: ResultShape<Result> = ({ z }) => z.object({ name: z.string(), file: z.string() });

  async run(): Promise<Result> {
    const { flags } = await this.parse(UninstallAgent);
    const service = await describeService({ role: 'agent', dataDir: this.dataDir(flags), name: flags.name });
    const removed = await uninstallService(service, this.interrupts.signal);
    this.log(`${removed.name} is removed; ${service.dataDir} stays`);
    return removed;
  }
}
