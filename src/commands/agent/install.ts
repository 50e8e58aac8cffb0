// Makes an agent a service of this machine.
import { readConfig } from '../../lib/agent/config.ts';
import { TunnelCommand } from '../../lib/cli/command.ts';
import { installFlags } from '../../lib/cli/service-flags.ts';
import type { ResultShape } from '../../lib/cli/shape.ts';
import { describeService, serviceFiles } from '../../lib/system/service/describe.ts';
import { type Installed, installService } from '../../lib/system/service/manage.ts';

export default class InstallAgent extends TunnelCommand<Installed> {
  static override summary = "Run the agent as a service: written, enabled, started and waited for. Runs on the agent's machine, as root, after enroll.";
  static override description =
    'On Linux a systemd unit that may write to the data folder only, runs as the owner of that folder and clears the environment of what weakens Node; on macOS a launchd job; on Windows a task that starts at boot. ' +
    'Two agents on one machine are two data folders and two names. tunnel agent uninstall undoes it all, except the data folder.';
  static override examples = [
    '<%= config.bin %> agent install\ntunnel-agent runs: /etc/systemd/system/tunnel-agent.service',
    '<%= config.bin %> agent install --data-dir /var/lib/tunnel-b --name tunnel-agent-b',
  ];
  static override flags = installFlags;
  static override result: ResultShape<Installed> = ({ z }) => z.object({ name: z.string(), file: z.string(), started: z.boolean() });

  async run(): Promise<Installed> {
    const { flags } = await this.parse(InstallAgent);
    const dataDir = this.dataDir(flags);
    await readConfig(dataDir, await serviceFiles(dataDir));
    const installed = await installService(await describeService({ role: 'agent', dataDir, name: flags.name }), { start: flags.start }, this.interrupts.signal);
    this.log(`${installed.name} ${installed.started ? 'runs' : 'starts at the next boot'}: ${installed.file}`);
    return installed;
  }
}
