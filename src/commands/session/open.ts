// Opens a session for programs that know no tunnel but an HTTPS proxy.
import { resolve } from 'node:path';
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { TunnelCommand } from '../../lib/cli/command.ts';
import { configDirFlag, waitFlag } from '../../lib/cli/global-flags.ts';
import { parseWait } from '../../lib/cli/parse-wait.ts';
import type { Shapes, Shown } from '../../lib/cli/shape.ts';

const result = ({ z, time }: Shapes) => z.object({ proxy: z.string(), token: z.string(), ca_file: z.string(), expires_at: time });

export default class OpenSession extends TunnelCommand<Shown<typeof result>> {
  static override summary = "Print what curl, git and other plain clients need to go through the gateway as a proxy. Runs on the operator's machine.";
  static override description =
    'The gateway must run with --proxy-listen. The token is good for the targets named here and for a few minutes; connections that are open by then live on. ' +
    'What is printed is a configuration of curl, so that the token need not stand in a command line, where every user of the machine can read it.';
  static override examples = [
    '<%= config.bin %> session open 10.0.0.5:80\n# Until 2026-11-21T21:09:37.126Z, for example: tunnel session open 10.0.0.5:80 | curl --config - http://10.0.0.5:80/\nproxytunnel\nproxy = "https://gw.example:8444"\nproxy-cacert = "/home/alice/.config/tunnel/gateway-ca.pem"\nproxy-header = "Proxy-Authorization: Bearer eyJhbGciOiJFZERTQSIs..."',
    '<%= config.bin %> session open 10.0.0.5:80 | curl --config - http://10.0.0.5/',
    '<%= config.bin %> session open git.corp.example:443 --json',
  ];
  static override args = {
    targets: Args.string({ description: 'host:port or [v6]:port, one or several.', required: true, multiple: true, ignoreStdin: true }),
  };
  static override flags = {
    ...configDirFlag,
    ...waitFlag,
    agent: Flags.string({ summary: 'Go through this agent.', helpValue: 'NAME' }),
    site: Flags.string({ summary: 'Where the target stands, if the same range is at several sites; as HOST:PORT@SITE.', helpValue: 'NAME' }),
  };
  static override result = result;

  async run(): Promise<Shown<typeof result>> {
    const { args, flags } = await this.parse(OpenSession);
    const waitMs = parseWait(flags.wait);
    const configDir = resolve(this.configDir(flags));
    const { openProxySession } = await import('../../lib/operator/proxy-session.ts');
    const opened = await openProxySession(
      { targets: args.targets, agent: flags.agent, site: flags.site, configDir, waitMs },
      await this.world(),
      this.interrupts.signal,
    );
    this.log(...curlConfig(opened, args.targets[0] ?? ''));
    return opened;
  }
}

/** As `curl --config` reads it, so that the token stands in no command line. */
function curlConfig({ proxy, token, ca_file, expires_at }: Shown<typeof result>, target: string): string[] {
  const quoted = (text: string) => `"${text.replaceAll(/["\\]/g, '\\$&')}"`;
  return [
    `# Until ${expires_at}, for example: tunnel session open ${target} | curl --config - http://${target}/`,
    'proxytunnel',
    `proxy = ${quoted(proxy)}`,
    `proxy-cacert = ${quoted(ca_file)}`,
    `proxy-header = ${quoted(`Proxy-Authorization: Bearer ${token}`)}`,
  ];
}
