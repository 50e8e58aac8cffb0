// Brings a profile up: its forwards, in a background process of their own.
import * as Args from '@oclif/core/args';
import { formatDuration } from '../lib/base/duration.ts';
import { parseName } from '../lib/base/ids.ts';
import { TunnelCommand } from '../lib/cli/command.ts';
import { configDirFlag, waitFlag } from '../lib/cli/global-flags.ts';
import { parseWait } from '../lib/cli/parse-wait.ts';
import { profileStatus } from '../lib/cli/profile-shapes.ts';
import { errorLines } from '../lib/cli/render-error.ts';
import type { ResultShape } from '../lib/cli/shape.ts';
import { understand } from '../lib/cli/understand.ts';
import { eventText, forwardText } from '../lib/operator/forward/describe.ts';
import type { BroughtUp, UpOptions } from '../lib/operator/profiles/up.ts';
import type { Parent } from '../lib/system/background.ts';

export default class Up extends TunnelCommand<BroughtUp | undefined> {
  static override summary = "Bring a profile up: its forwards, in the background. Runs on the operator's machine, after login.";
  static override description =
    'Returns when every forward can be used. A profile that is up already stays as it is, with exit code 0. What it has to say later goes to its log; tunnel profile list shows how it is.';
  static override examples = [
    '<%= config.bin %> up office\nlistening 127.0.0.1:8080 -> intranet.corp.example:80 (agent web1)\nlistening 127.0.0.1:5432 -> db.corp.example:5432 (agent web1)\noffice is up, pid 4242, log ~/.config/tunnel/profiles/office/log',
    '<%= config.bin %> up office --wait 30s --json',
  ];
  static override args = { profile: Args.string({ description: 'Name of the profile.', required: true, ignoreStdin: true }) };
  static override flags = { ...configDirFlag, ...waitFlag };
  static override result: ResultShape<BroughtUp> = (shapes) => profileStatus(shapes).extend({ already: shapes.z.boolean() });

  async run(): Promise<BroughtUp | undefined> {
    const { args, flags } = await this.parse(Up);
    const waitMs = parseWait(flags.wait);
    const options = {
      name: parseName(args.profile, 'profile'),
      configDir: this.configDir(flags),
      waitMs,
      healWaitMs: flags.wait === undefined ? undefined : waitMs,
    };
    const { backgroundParent } = await import('../lib/system/background.ts');
    const parent = backgroundParent();
    if (parent !== undefined) return void (await this.#stay(options, parent));
    const { bringUp } = await import('../lib/operator/profiles/up.ts');
    const up = await bringUp(options, await this.world(), this.interrupts.signal);
    for (const forward of up.forwards) this.log(`listening ${forwardText(forward)}`);
    for (const { listen, shared } of up.forwards) if (shared) this.note(`${listen} is no loopback address: whoever reaches it connects as you.`);
    this.log(up.already ? `${up.name} is up already, pid ${up.pid}, since ${up.since}` : `${up.name} is up, pid ${up.pid}, log ${up.log}`);
    if (up.changed) this.note(`${up.name} was changed since: tunnel down ${up.name}, tunnel up ${up.name}`);
    return up;
  }

  /** The background process; its output is the log. */
  async #stay(options: UpOptions, parent: Parent): Promise<void> {
    const { runProfile } = await import('../lib/operator/profiles/up.ts');
    const world = await this.world();
    const say = (text: string, ...more: readonly string[]) => this.note(`${new Date(world.clock.now()).toISOString()} ${text}`, ...more);
    const failed = (error: unknown) => say('', ...errorLines(understand(error, 'tunnel up'), false));
    try {
      await runProfile(
        options,
        {
          onReady: async ({ ready, lease, loginExpiresAt }) => {
            for (const forward of ready) say(`listening ${forwardText(forward)}`);
            say(
              `sessions end after ${formatDuration(lease.grant.idle_seconds * 1000)} without anything sent, unless the profile has keep_alive; the login ends on ${loginExpiresAt}`,
            );
            await parent.ready(undefined);
          },
          onEvent: (event) => {
            const text = eventText(event);
            if (text !== undefined) say(text);
            else if ('error' in event) failed(event.error);
          },
          onFailure: failed,
        },
        world,
        this.interrupts.signal,
      );
      say('stopped');
    } catch (error) {
      parent.failed(understand(error, 'tunnel up'));
      throw error;
    }
  }
}
