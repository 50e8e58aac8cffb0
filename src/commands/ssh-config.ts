// Prints what ~/.ssh/config needs.
import * as Args from '@oclif/core/args';
import { TunnelCommand } from '../lib/cli/command.ts';
import { viaFlags } from '../lib/cli/forward-flags.ts';
import { configDirFlag, waitFlag } from '../lib/cli/global-flags.ts';
import { absolute, itself } from '../lib/cli/itself.ts';
import { parseWait } from '../lib/cli/parse-wait.ts';
import type { ResultShape } from '../lib/cli/shape.ts';
import type { SshHosts } from '../lib/operator/clients/ssh-config.ts';

interface Result extends SshHosts {
  /** The lines. */
  config: string;
}

export default class SshConfig extends TunnelCommand<Result> {
  static override summary = "Print the lines of ~/.ssh/config that make plain ssh go through the tunnel. Runs on the operator's machine, after login.";
  static override description =
    'For the hosts named, or, without any, for the routes that you may use and whose agents allow port 22. A host has the identity tunnel:HOST in known_hosts, as with tunnel ssh; ' +
    'a pattern cannot have that, so ssh keeps the keys of its hosts by their names.';
  static override examples = [
    '<%= config.bin %> ssh-config >> ~/.ssh/config',
    '<%= config.bin %> ssh-config 10.0.0.7 web.corp.example\n# Written by tunnel ssh-config.\n\nHost 10.0.0.7\n  HostKeyAlias tunnel:10.0.0.7\n  ProxyCommand tunnel connect --stdio %h:%p\n\nHost web.corp.example\n  HostKeyAlias tunnel:web.corp.example\n  ProxyCommand tunnel connect --stdio %h:%p',
  ];
  static override args = {
    hosts: Args.string({
      description: 'Names, addresses or patterns (*.corp.example); those of the routes where none is given.',
      multiple: true,
      ignoreStdin: true,
    }),
  };
  static override usage = ['ssh-config [HOST...] [FLAGS]'];
  static override flags = { ...configDirFlag, ...waitFlag, ...viaFlags };
  static override result: ResultShape<Result> = ({ z }) =>
    z.object({
      hosts: z.array(z.object({ pattern: z.string(), host_key_alias: z.string().nullable() })),
      skipped: z.array(z.object({ route: z.string(), why: z.string() })),
      config: z.string(),
    });

  async run(): Promise<Result> {
    const { args, flags } = await this.parse(SshConfig);
    parseWait(flags.wait);
    const { namedHosts, routedHosts, sshConfig } = await import('../lib/operator/clients/ssh-config.ts');
    const { agent, site, wait } = flags;
    const names = args.hosts ?? [];
    const found = names.length > 0 ? namedHosts(names, site) : await routedHosts(this.configDir(flags), await this.world(), this.interrupts.signal);
    const config = sshConfig(found, { self: itself(), configDir: absolute(flags['config-dir']), agent, site, wait });
    this.log(...config.split('\n'));
    return { ...found, config };
  }
}
