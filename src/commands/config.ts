// Shows every setting of a gateway or an agent, and where its value comes from.
import { TRANSPORT_CHOICES } from '../lib/agent/choose-transport.ts';
import { commaList } from '../lib/cli/comma-list.ts';
import { TunnelCommand } from '../lib/cli/command.ts';
import { isTruthy, variableName } from '../lib/cli/environment.ts';
import { dataDirFlag } from '../lib/cli/global-flags.ts';
import type { ResultShape } from '../lib/cli/shape.ts';
import { type FolderSettings, settingsOf, type Variables } from '../lib/settings/show.ts';

export default class ShowConfig extends TunnelCommand<FolderSettings & { data_dir: string }> {
  static override summary = "Show every setting, its value, and where that comes from. Runs on the gateway's or the agent's machine.";
  static override description =
    'A value comes from a flag, from its environment variable, from gateway.json or agent.json in the data folder, or is the default, in this order. A gateway or agent that runs is asked what it goes by; ' +
    'for one that does not, the answer is what its next start would find in this environment. Secrets are not settings and are never shown.';
  static override examples = [
    '<%= config.bin %> config --data-dir gw\nFILE             SETTING              VALUE                    FROM\ngw/gateway.json  listen               0.0.0.0:8443             flag\ngw/gateway.json  public_url           https://gw.example:8443  file\ngw/gateway.json  agent_cert_lifetime  90d                      default\n...',
    '<%= config.bin %> config --data-dir ag --json',
  ];
  static override flags = { ...dataDirFlag };
  static override result: ResultShape<FolderSettings & { data_dir: string }> = ({ z, SettingsOfFile }) =>
    z.object({ data_dir: z.string(), gateway: SettingsOfFile.nullable(), agent: SettingsOfFile.nullable() });

  async run(): Promise<FolderSettings & { data_dir: string }> {
    const { flags } = await this.parse(ShowConfig);
    const dataDir = this.dataDir(flags);
    const found = await settingsOf(dataDir, variables(process.env), await this.world(), this.interrupts.signal);
    const rows = [];
    for (const part of [found.gateway, found.agent]) {
      if (part === null) continue;
      for (const { setting, value, origin } of part.settings) {
        const shown = value === null ? '' : typeof value === 'string' ? value : value.join(', ');
        rows.push([part.file, setting, shown, origin]);
      }
      for (const key of part.unknown) this.note(`${part.file}: ${key} is no setting and has no effect`);
    }
    await this.table(['FILE', 'SETTING', 'VALUE', 'FROM'], rows);
    return { data_dir: dataDir, ...found };
  }
}

/** What the environment of a start would say for its flags. */
function variables(environment: NodeJS.ProcessEnv): Variables {
  const of = (command: string, flag: string) => environment[variableName(command, flag)];
  const gateway = (flag: string) => of('gateway:start', flag);
  const logLevel = isTruthy(of('gateway:start', 'debug')) ? ('debug' as const) : undefined;
  return {
    gateway: {
      listen: gateway('listen'),
      publicUrl: gateway('public-url'),
      publicUdp: gateway('public-udp'),
      proxyListen: gateway('proxy-listen'),
      agentCertLifetime: gateway('agent-cert-lifetime'),
      serverCertLifetime: gateway('server-cert-lifetime'),
      direct: commaList(gateway('direct')),
      logLevel,
    },
    agent: {
      quicEndpoint: of('agent:start', 'quic-endpoint'),
      transport: TRANSPORT_CHOICES.find((choice) => choice === of('agent:start', 'transport')),
      logLevel,
    },
  };
}
