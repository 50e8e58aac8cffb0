// Runs a gateway in the foreground.
import * as Flags from '@oclif/core/flags';
import type { ErrorCode } from '../../lib/base/errors.ts';
import { commaList } from '../../lib/cli/comma-list.ts';
import { TunnelCommand } from '../../lib/cli/command.ts';
import { givenByVariable } from '../../lib/cli/environment.ts';
import { dataDirFlag, waitFlag } from '../../lib/cli/global-flags.ts';
import { Hangups } from '../../lib/cli/hangups.ts';
import { parseWait } from '../../lib/cli/parse-wait.ts';
import { readPassphraseFile } from '../../lib/cli/passphrase-file.ts';
import type { EventShapes } from '../../lib/cli/shape.ts';
import { readTestHooks } from '../../lib/gateway/test-hooks.ts';
import { tryFor } from '../../lib/operator/try-for.ts';

/** What an older process that is about to end may still hold. */
const HELD: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['port.in-use', 'state.locked']);

export default class GatewayStart extends TunnelCommand<undefined> {
  static override summary = "Run the gateway in the foreground. Runs on the gateway's machine.";
  static override description =
    'Prints one line when it can serve, and tells systemd. Addresses, ports that were chosen, the public URL and lifetimes are stored in the data folder and used again at the next start. ' +
    'SIGHUP reads gateway.json again, as gateway reload does; --debug and the other flags go before it. SIGINT or SIGTERM ends it with exit code 0.';
  static override examples = [
    '<%= config.bin %> gateway start --data-dir gw --listen 0.0.0.0:8443 --public-url https://gw.example:8443\nready https://gw.example:8443 (tcp 0.0.0.0:8443, udp 0.0.0.0:8443)',
    '<%= config.bin %> gateway start --data-dir gw --listen 127.0.0.1:0 --json',
  ];
  static override flags = {
    ...dataDirFlag,
    ...waitFlag,
    listen: Flags.string({ summary: 'Address for TCP and UDP; port 0 lets the system choose. 0.0.0.0:8443 at the first start.', helpValue: 'HOST:PORT' }),
    'public-url': Flags.string({ summary: 'Where agents and operators reach this gateway; needed when it listens on all addresses.', helpValue: 'URL' }),
    'public-udp': Flags.string({ summary: 'Where agents reach its UDP port, if elsewhere than the public URL says.', helpValue: 'HOST:PORT' }),
    'proxy-listen': Flags.string({ summary: 'Serve plain clients as curl and git here as well, as an HTTPS proxy.', helpValue: 'HOST:PORT' }),
    direct: Flags.string({
      summary:
        'Networks with ports that the gateway connects to itself where no agent carries the target, with commas: 10.1.0.0/16:443,[fd00::/64]:22. None at the first start; an empty list takes all away.',
      helpValue: 'LIST',
    }),
    'ca-passphrase-file': Flags.string({
      summary: "File with the passphrase of the CA's key, where it is encrypted; - reads it from standard input.",
      helpValue: 'FILE',
    }),
    'agent-cert-lifetime': Flags.string({
      summary: 'How long certificates of agents last, from their next renewal on; 90d at the first start. Version 1 agents always get 365d.',
      helpValue: 'DURATION',
    }),
    'server-cert-lifetime': Flags.string({ summary: "How long the gateway's own certificate lasts; 365d at the first start.", helpValue: 'DURATION' }),
  };
  static override events: EventShapes = ({ z }) => ({
    ready: z.object({ url: z.string(), tcp: z.string(), udp: z.string(), proxy: z.string().optional(), pid: z.int() }),
  });

  protected override endsBySignal = true;

  async run(): Promise<undefined> {
    using hangups = new Hangups();
    const { flags, raw } = await this.parse(GatewayStart);
    const waitMs = parseWait(flags.wait);
    const world = await this.world('info');
    const { signal } = this.interrupts;
    const config = {
      dataDir: this.dataDir(flags),
      caPassphrase: await readPassphraseFile(flags['ca-passphrase-file'], world.files),
      listen: flags.listen,
      publicUrl: flags['public-url'],
      publicUdp: flags['public-udp'],
      proxyListen: flags['proxy-listen'],
      direct: commaList(flags.direct),
      agentCertLifetime: flags['agent-cert-lifetime'],
      serverCertLifetime: flags['server-cert-lifetime'],
      logLevel: flags.debug ? ('debug' as const) : undefined,
      byVariable: givenByVariable(flags, raw),
      testHooks: readTestHooks(process.env['TUNNEL_TEST_HOOKS']),
    };
    const { startGateway } = await import('../../lib/gateway/start.ts');
    await using gateway = await tryFor(waitMs, () => startGateway(config, world), world.clock, signal, HELD);
    hangups.use(() => gateway.reload());
    const { url, tcp, udp, proxy } = gateway;
    await this.ready(
      { event: 'ready', url, tcp, udp, ...(proxy === null ? {} : { proxy }), pid: process.pid },
      `ready ${url} (tcp ${tcp}, udp ${udp}${proxy === null ? '' : `, proxy ${proxy}`})`,
    );
    await this.interrupts.wait();
  }
}
