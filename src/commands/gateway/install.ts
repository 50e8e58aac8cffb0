// Makes the gateway a service of this machine.
import * as Flags from '@oclif/core/flags';
import { TunnelCommand } from '../../lib/cli/command.ts';
import { installFlags } from '../../lib/cli/service-flags.ts';
import type { ResultShape } from '../../lib/cli/shape.ts';
import { gatewayService } from '../../lib/gateway/service.ts';
import { type Installed, installService } from '../../lib/system/service/manage.ts';

export default class InstallGateway extends TunnelCommand<Installed> {
  static override summary = "Run the gateway as a service: written, enabled, started and waited for. Runs on the gateway's machine, as root.";
  static override description =
    'On Linux a systemd unit that may write to the data folder only, runs as the owner of that folder and clears the environment of what weakens Node; on macOS a launchd job; on Windows a task that starts at boot. ' +
    'Flags for the first start are kept in the service. tunnel gateway uninstall undoes it all, except the data folder.';
  static override examples = [
    '<%= config.bin %> gateway install\ntunnel-gateway runs: /etc/systemd/system/tunnel-gateway.service',
    '<%= config.bin %> gateway install --public-url https://gw.example:8443 --no-start',
  ];
  static override flags = {
    ...installFlags,
    listen: Flags.string({ summary: 'As for gateway start.', helpValue: 'HOST:PORT' }),
    'public-url': Flags.string({ summary: 'As for gateway start.', helpValue: 'URL' }),
    'public-udp': Flags.string({ summary: 'As for gateway start.', helpValue: 'HOST:PORT' }),
    'proxy-listen': Flags.string({ summary: 'As for gateway start.', helpValue: 'HOST:PORT' }),
    'ca-passphrase-file': Flags.string({ summary: 'As for gateway start.', helpValue: 'FILE' }),
  };
  static override result: ResultShape<Installed> = ({ z }) => z.object({ name: z.string(), file: z.string(), started: z.boolean() });

  async run(): Promise<Installed> {
    const { flags } = await this.parse(InstallGateway);
    const wish = {
      dataDir: this.dataDir(flags),
      name: flags.name,
      listen: flags.listen,
      publicUrl: flags['public-url'],
      publicUdp: flags['public-udp'],
      proxyListen: flags['proxy-listen'],
      caPassphraseFile: flags['ca-passphrase-file'],
    };
    const installed = await installService(await gatewayService(wish, await this.world()), { start: flags.start }, this.interrupts.signal);
    this.log(`${installed.name} ${installed.started ? 'runs' : 'starts at the next boot'}: ${installed.file}`);
    return installed;
  }
}
