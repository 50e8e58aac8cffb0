// Opens ssh through the tunnel.
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { TunnelError } from '../lib/base/errors.ts';
import { splitAtDashes } from '../lib/cli/after-dashes.ts';
import { TunnelCommand } from '../lib/cli/command.ts';
import { viaFlags } from '../lib/cli/forward-flags.ts';
import { configDirFlag, waitFlag } from '../lib/cli/global-flags.ts';
import { absolute, itself } from '../lib/cli/itself.ts';
import { parseWait } from '../lib/cli/parse-wait.ts';
import type { EventShapes } from '../lib/cli/shape.ts';

export default class Ssh extends TunnelCommand<undefined> {
  static override summary = "Open the system's ssh to a host behind an agent. Runs on the operator's machine, after login.";
  static override description =
    "What stands behind -- is ssh's: options, then a command. Ends with ssh's exit code. The host's key is kept in your known_hosts under the name tunnel:HOST, " +
    'which is the same on every network. tunnel ssh-config makes plain ssh, scp and rsync take the same way.';
  static override examples = [
    '<%= config.bin %> ssh admin@10.0.0.7',
    '<%= config.bin %> ssh admin@web.corp.example -- -i ~/.ssh/work uptime',
    '<%= config.bin %> ssh -p 2222 10.0.0.7 -- -L 8080:localhost:80 -N',
  ];
  static override args = { host: Args.string({ description: 'HOST or USER@HOST.', required: true, ignoreStdin: true }) };
  static override usage = ['ssh [USER@]HOST [FLAGS]', 'ssh [USER@]HOST [FLAGS] -- SSH-ARGUMENTS...'];
  static override flags = {
    ...configDirFlag,
    ...waitFlag,
    ...viaFlags,
    port: Flags.integer({ char: 'p', summary: 'Port of the ssh server.', helpValue: 'PORT', min: 1, max: 65535, default: 22 }),
  };
  static override events: EventShapes = ({ z }) => ({ ready: z.object({ target: z.string(), host_key_alias: z.string() }) });

  async run(): Promise<undefined> {
    const { own, after = [] } = splitAtDashes(this.argv);
    const { args, flags } = await this.parse(Ssh, own);
    parseWait(flags.wait);
    const { agent, site, wait, port } = flags;
    const [{ parseSshDestination, sshArguments }, { findProgram, runProgram }] = await Promise.all([
      import('../lib/operator/clients/ssh.ts'),
      import('../lib/system/run-program.ts'),
    ]);
    const destination = parseSshDestination(args.host, port, site);
    const way = { self: itself(), configDir: absolute(flags['config-dir']), agent, site, wait };
    const { signal } = this.interrupts;
    const ssh = findProgram('ssh');
    if (ssh === undefined) throw new TunnelError('program.missing', 'ssh is not in PATH', { hint: 'Install an OpenSSH client.' });
    this.sendEventsToStderr(); // from here on standard output is ssh's
    this.event({ event: 'ready', target: destination.target, host_key_alias: destination.hostKeyAlias });
    this.interrupts.leaveCtrlCToChild();
    process.exitCode = await runProgram(ssh, [...sshArguments(destination, port, way), ...after], signal);
    return undefined;
  }
}
