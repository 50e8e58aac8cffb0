// Forwards local ports, local proxies, standard input or a program's connections to targets behind agents.
import * as Flags from '@oclif/core/flags';
import { formatDuration } from '../lib/base/duration.ts';
import { TunnelError } from '../lib/base/errors.ts';
import { parseName } from '../lib/base/ids.ts';
import { formatSize } from '../lib/base/size.ts';
import { splitAtDashes } from '../lib/cli/after-dashes.ts';
import { TunnelCommand } from '../lib/cli/command.ts';
import { forwardFlags, targetArgs } from '../lib/cli/forward-flags.ts';
import { configDirFlag, waitFlag } from '../lib/cli/global-flags.ts';
import { parseWait } from '../lib/cli/parse-wait.ts';
import { errorLines } from '../lib/cli/render-error.ts';
import type { EventShapes } from '../lib/cli/shape.ts';
import { StatusLine } from '../lib/cli/status-line.ts';
import { understand } from '../lib/cli/understand.ts';
import type { Connected, ConnectOptions } from '../lib/operator/connect.ts';
import { eventText, forwardText } from '../lib/operator/forward/describe.ts';
import type { Plan } from '../lib/operator/forward/plan.ts';
import type { ReadyForward } from '../lib/operator/forward/start.ts';
import type { LeaseEvent } from '../lib/operator/lease.ts';

export default class Connect extends TunnelCommand<undefined> {
  static override summary = "Forward local ports and proxies to targets behind agents. Runs on the operator's machine, after login.";
  static override description =
    'Prints one line a forward when it can be used. Ports are bound on loopback unless told otherwise, and before the gateway is asked. ' +
    'A proxy (-D, --http) takes its targets from its clients: the agents resolve the names, and policy judges each connection. ' +
    'With -- COMMAND the program runs with {host}, {port} and {addr} filled in and TUNNEL_HOST, TUNNEL_PORT and TUNNEL_ADDR set; the forward ends with it, with its exit code.';
  static override examples = [
    '<%= config.bin %> connect 10.0.0.5:3389\nlistening 127.0.0.1:51234 -> 10.0.0.5:3389 (agent web1)',
    '<%= config.bin %> connect 8080:intranet.corp.example:80 5432:db.corp.example:5432',
    '<%= config.bin %> connect 10.0.0.5:3389@berlin',
    '<%= config.bin %> connect -L 8080:intranet.corp.example:80',
    '<%= config.bin %> connect -D 1080',
    '<%= config.bin %> connect --http 3128 -- env http_proxy=http://{addr} curl http://intranet.corp.example/',
    '<%= config.bin %> connect -f --listen unix:/run/user/1000/db.sock db.corp.example:5432',
    "ssh -o ProxyCommand='<%= config.bin %> connect --stdio %h:%p' admin@10.0.0.7",
    '<%= config.bin %> connect 10.0.0.7:80 -- curl http://{addr}/',
  ];
  static override args = targetArgs;
  static override usage = [
    'connect TARGET... [FLAGS]',
    'connect -L [BIND:]PORT:HOST:PORT... [FLAGS]',
    'connect -D [BIND:]PORT [FLAGS]',
    'connect --http [BIND:]PORT [FLAGS]',
    'connect --stdio TARGET [FLAGS]',
    'connect TARGET [FLAGS] -- COMMAND...',
  ];
  static override flags = {
    ...configDirFlag,
    ...waitFlag,
    ...forwardFlags,
    stdio: Flags.boolean({
      char: 'W',
      summary: "Connect standard input and output to the one target, for ssh's ProxyCommand.",
      exclusive: ['listen', 'local', 'socks', 'http', 'background'],
    }),
    background: Flags.boolean({
      char: 'f',
      summary: 'Go to the background once every forward can be used, and print the pid; what it has to say goes to a file in the configuration folder.',
    }),
    'no-command': Flags.boolean({ char: 'N', summary: 'Accepted for those who know ssh; changes nothing.' }),
  };
  static override events: EventShapes = ({ z, name, time, uuid }) => ({
    ready: z.object({
      target: z.string(),
      listen: z.string(),
      protocol: z.enum(['tcp', 'socks5', 'http']),
      agent: name.nullable(),
      shared: z.boolean(),
    }),
    background: z.object({ pid: z.int(), log: z.string() }),
    session: z.object({
      session_id: uuid.nullable(),
      agent: name.nullable(),
      idle_seconds: z.int(),
      longest_ends_at: time.nullable(),
      login_expires_at: time,
    }),
    warning: z.object({ code: z.string(), message: z.string(), ends_in_ms: z.number() }),
    lost: z.object({ targets: z.array(z.string()), code: z.string(), message: z.string() }),
    healed: z.object({ targets: z.array(z.string()), outage_ms: z.int() }),
  });

  #quiet = false;
  #status: StatusLine | undefined;

  async run(): Promise<undefined> {
    const { own, after: command } = splitAtDashes(this.argv);
    if (command?.length === 0)
      throw new TunnelError('usage.missing-value', 'no command after --', { hint: 'For example: tunnel connect 10.0.0.7:80 -- curl http://{addr}/' });
    const { args, flags } = await this.parse(Connect, own);
    const { planForwards } = await import('../lib/operator/forward/plan.ts');
    const site = flags.site === undefined ? undefined : parseName(flags.site, '--site');
    const plan = planForwards({
      targets: args.targets ?? [],
      local: flags.local ?? [],
      socks: flags.socks ?? [],
      http: flags.http ?? [],
      listen: flags.listen,
      alternates: flags.alternate ?? [],
      site,
      single: flags.stdio ? 'target' : command !== undefined ? 'forward' : undefined,
    });
    const configDir = this.configDir(flags);
    const waitMs = parseWait(flags.wait);
    const options = {
      ...plan,
      configDir,
      agent: flags.agent,
      site,
      waitMs,
      healWaitMs: flags.wait === undefined ? undefined : waitMs,
      keepAlive: flags['keep-alive'],
      onFailure: this.#failed,
      onEvent: this.#happened,
    };
    if (flags.background && command !== undefined)
      throw new TunnelError('usage', '-f and -- COMMAND exclude each other', { hint: 'The forward ends with the command.' });
    if (flags.stdio || command !== undefined) this.sendEventsToStderr();
    this.#quiet = flags.stdio;
    if (flags.stdio) return void (await this.#stdio(options));
    if (!flags.background) return void (await this.#forward(options, command));
    const { backgroundParent } = await import('../lib/system/background.ts');
    const parent = backgroundParent();
    if (parent === undefined) return void (await this.#toBackground(plan, configDir));
    try {
      await this.#forward(options, undefined, (ready) => parent.ready(ready));
    } catch (error) {
      parent.failed(understand(error, 'tunnel connect'));
      throw error;
    }
    return undefined;
  }

  async #toBackground(plan: Plan, configDir: string): Promise<void> {
    const [{ startInBackground }, { logFileOf }] = await Promise.all([import('../lib/system/background.ts'), import('../lib/operator/forward/background.ts')]);
    const logFile = await logFileOf(plan, configDir, await this.world());
    const { pid, ready } = await startInBackground(logFile, this.interrupts.signal);
    this.#announce(ready as readonly ReadyForward[]); // said by this very command
    this.event({ event: 'background', pid, log: logFile });
    this.log(`in the background, pid ${pid}, log ${logFile}`);
  }

  async #stdio(options: ConnectOptions): Promise<void> {
    const [{ connectStdio }, { standardStreams }] = await Promise.all([import('../lib/operator/connect.ts'), import('../lib/cli/standard-streams.ts')]);
    await connectStdio(options, standardStreams, await this.world(), this.interrupts.signal);
  }

  async #forward(
    options: ConnectOptions,
    command: readonly string[] | undefined,
    onReady: (ready: readonly ReadyForward[]) => unknown = () => {},
  ): Promise<void> {
    const { connectPorts } = await import('../lib/operator/connect.ts');
    const { signal } = this.interrupts;
    const world = await this.world();
    await using forwards = await connectPorts(options, world, signal);
    this.#announce(forwards.ready, command !== undefined);
    this.#announceRules(forwards, command !== undefined || options.keepAlive === true);
    await onReady(forwards.ready);
    if (command === undefined) {
      using status = this.jsonEnabled() ? undefined : new StatusLine(process.stderr, () => statusOf(forwards));
      this.#status = status;
      return await Promise.race([this.interrupts.wait(), forwards.ended]);
    }
    const { runCommand } = await import('../lib/operator/forward/command.ts');
    this.interrupts.leaveCtrlCToChild();
    process.exitCode = await runCommand(command, forwards, world.clock, signal);
  }

  #announce(forwards: readonly ReadyForward[], quiet = false): void {
    for (const ready of forwards) {
      this.event({ event: 'ready', ...ready });
      if (!quiet) this.log(`listening ${forwardText(ready)}`);
      if (ready.shared) this.note(`${ready.listen} is no loopback address: whoever reaches it connects as you.`);
    }
  }

  /** How long what was granted lasts. */
  #announceRules({ lease: { grant }, loginExpiresAt }: Connected, quiet: boolean): void {
    const { idle_seconds, targets } = grant;
    const unknown = { session_id: null, agent: null, longest_ends_at: null };
    const sessions = new Map(targets.map((granted) => [granted.session_id, granted]));
    for (const { session_id, agent, longest_ends_at } of sessions.size === 0 ? [unknown] : sessions.values())
      this.event({ event: 'session', session_id, agent, idle_seconds, longest_ends_at, login_expires_at: loginExpiresAt });
    if (quiet || this.jsonEnabled()) return;
    const idle = formatDuration(idle_seconds * 1000);
    const ends = [...sessions.values()].flatMap(({ agent, longest_ends_at }) =>
      longest_ends_at === null ? [] : `, by policy through ${agent} on ${longest_ends_at}`,
    );
    this.note(`ends after ${idle} without anything sent (--keep-alive prevents that)${ends.join('')}, and with the login on ${loginExpiresAt}`);
  }

  /** One connection that failed; the forward goes on. */
  readonly #failed = (thrown: unknown): void => {
    const error = understand(thrown, 'tunnel connect');
    this.event({ event: 'error', error });
    this.#say(...errorLines(error, false));
  };

  /** What happens meanwhile. With --stdio standard error is ssh's, and its user sees the connection end. */
  readonly #happened = (event: LeaseEvent): void => {
    if (event.kind === 'session-ended' || event.kind === 'target-over') return void this.#failed(event.error);
    if (event.kind === 'lost') {
      const { code, message } = event.error;
      this.event({ event: 'lost', targets: event.targets, code, message });
    } else if (event.kind === 'healed') {
      const outage_ms = Math.round(event.outageMs);
      this.event({ event: 'healed', targets: event.targets, outage_ms });
    } else {
      this.event({ event: 'warning', code: event.reason === 'idle' ? 'session.idle' : 'session.closed', message: event.message, ends_in_ms: event.endsInMs });
    }
    this.#say(eventText(event) ?? '');
  };

  #say(...lines: readonly string[]): void {
    this.#status?.clear();
    if (!this.#quiet) this.note(...lines);
  }
}

function statusOf({ traffic, lease: { roundTripMs } }: Connected): string {
  const { up, down } = traffic.bytes;
  const trip = roundTripMs === undefined ? '' : `, gateway ${Math.max(1, Math.round(roundTripMs))} ms`;
  return `${traffic.channels} open, ${formatSize(up)} up, ${formatSize(down)} down${trip}`;
}
