// Takes the gateway's service away again.
import { TunnelCommand } from '../../lib/cli/command.ts';
import { serviceFlags } from '../../lib/cli/service-flags.ts';
import type { ResultShape } from '../../lib/cli/shape.ts';
import { describeService } from '../../lib/system/service/describe.ts';
import { type Installed, uninstallService } from '../../lib/system/service/manage.ts';

type Result = Omit<Installed, 'started'>;

export default class UninstallGateway extends TunnelCommand<Result> {
  static override summary = "Stop the gateway's service and remove it. Runs on the gateway's machine, as root.";
  static override description = 'The data folder stays as it is: keys, agents, audit log.';
  static override examples = ['<%= config.bin %> gateway uninstall\ntunnel-gateway is removed; /var/lib/tunnel stays'];
  static override flags = serviceFlags;
  static override result: ResultShape<Result> = ({ z }) => z.object({ name: z.string(), file: z.string() });

  async run(): Promise<Result> {
    const { flags } = await this.parse(UninstallGateway);
    const service = await describeService({ role: 'gateway', dataDir: this.dataDir(flags), name: flags.name });
    const removed = await uninstallService(service, this.interrupts.signal);
    this.log(`${removed.name} is removed; ${service.dataDir} stays`);
    return removed;
  }
}
