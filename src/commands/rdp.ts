// Opens a remote desktop through the tunnel.
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { TunnelCommand } from '../lib/cli/command.ts';
import { viaFlags } from '../lib/cli/forward-flags.ts';
import { configDirFlag, waitFlag } from '../lib/cli/global-flags.ts';
import { parseWait } from '../lib/cli/parse-wait.ts';
import { errorLines } from '../lib/cli/render-error.ts';
import type { EventShapes } from '../lib/cli/shape.ts';
import { understand } from '../lib/cli/understand.ts';
import { eventText, forwardText } from '../lib/operator/forward/describe.ts';

export default class Rdp extends TunnelCommand<undefined> {
  static override summary = "Open a remote desktop behind an agent in the RDP client of this machine. Runs on the operator's machine, after login.";
  static override description =
    'Opens mstsc on Windows, xfreerdp3 or xfreerdp on Linux, and on macOS whatever opens .rdp files (Windows App), with a file for this one session, which is removed afterwards. ' +
    "Ends with the client, with its exit code. Each target has a local address of its own, so that the client's memory of certificates holds.";
  static override examples = [
    '<%= config.bin %> rdp 10.0.0.5\n127.98.17.203:3389 -> 10.0.0.5:3389 (agent web1), opened with /usr/bin/xfreerdp3',
    "<%= config.bin %> rdp desk.corp.example:3390 --user 'CORP\\alice'",
  ];
  static override args = { target: Args.string({ description: 'HOST, or HOST:PORT where it is not 3389.', required: true, ignoreStdin: true }) };
  static override flags = {
    ...configDirFlag,
    ...waitFlag,
    ...viaFlags,
    user: Flags.string({ char: 'u', summary: 'User name that the client begins with; it asks for the password itself.', helpValue: 'USER' }),
  };
  static override events: EventShapes = ({ z }) => ({
    ready: z.object({
      target: z.string(),
      listen: z.string(),
      protocol: z.literal('tcp'),
      agent: z.string().nullable(),
      shared: z.boolean(),
      client: z.string(),
    }),
  });

  async run(): Promise<undefined> {
    const { args, flags } = await this.parse(Rdp);
    const waitMs = parseWait(flags.wait);
    const [{ connectDesktop, findClient, rdpTarget, writeRdpFile }, { runCommand }] = await Promise.all([
      import('../lib/operator/clients/rdp.ts'),
      import('../lib/operator/forward/command.ts'),
    ]);
    const target = rdpTarget(args.target, flags.site);
    const client = findClient(target);
    const [configDir, world, { signal }] = [this.configDir(flags), await this.world(), this.interrupts];
    const failed = (error: unknown) => this.note(...errorLines(understand(error, 'tunnel rdp'), false));
    const options = {
      configDir,
      agent: flags.agent,
      site: flags.site,
      waitMs,
      healWaitMs: flags.wait === undefined ? undefined : waitMs,
      onFailure: failed,
      onEvent: (event: Parameters<typeof eventText>[0]) => this.note(eventText(event) ?? ('error' in event ? event.error.message : '')),
    };
    await using forwards = await connectDesktop(options, target, world, signal);
    const [ready] = forwards.ready;
    if (ready === undefined) return undefined;
    await using file = await writeRdpFile(ready.listen, flags.user, configDir, world);
    this.event({ event: 'ready', ...ready, client: client[0] });
    this.note(`${forwardText(ready)}, opened with ${client[0]}`);
    this.interrupts.leaveCtrlCToChild();
    process.exitCode = await runCommand(
      client.map((word) => word.replace('{file}', file.path)),
      forwards,
      world.clock,
      signal,
      this.jsonEnabled() ? 'to stderr' : 'inherited',
    );
    return undefined;
  }
}
