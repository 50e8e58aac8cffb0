// The settings of a running agent: what is in force and where it comes from, and a reload that takes over what people set or changes nothing (E7).
import type { ConfigAnswer, ReloadAnswer } from '../api/config.ts';
import { OneAtATime } from '../base/one-at-a-time.ts';
import { changesBetween, type Given, type SettingChange, settle } from '../base/settings.ts';
import type { World } from '../base/world.ts';
import { type LogLevel, levelOf, setLevel } from '../system/log.ts';
import type { TransportChoice } from './choose-transport.ts';
import { AGENT_DEFAULTS, type AgentConfig, type AgentFlags, givenBy, quicReturnMs, readConfig, SHOWN_DEFAULTS } from './config.ts';
import type { Installed } from './installed.ts';
import type { Preference } from './keep-linked.ts';

const LIVE: ReadonlySet<string> = new Set(Object.keys(AGENT_DEFAULTS));

export interface RunningSettingsOptions {
  readonly dataDir: string;
  readonly flags: AgentFlags;
  /** Settings whose flag came from its variable. */
  readonly byVariable: ReadonlySet<string>;
  /** Whether this gateway, from this machine, can be reached so. Its errors are those of a reload. */
  judge(choice: TransportChoice, config: AgentConfig): Promise<void>;
}

export class RunningSettings {
  readonly #options: RunningSettingsOptions;
  readonly #installed: Installed;
  readonly #world: Pick<World, 'files' | 'log'>;
  readonly #levelBefore: LogLevel;
  readonly #given: Given;
  readonly #reloads = new OneAtATime();
  readonly #watchers = new Set<() => void>();

  private constructor(options: RunningSettingsOptions, installed: Installed, world: Pick<World, 'files' | 'log'>) {
    this.#options = options;
    this.#installed = installed;
    this.#world = world;
    this.#levelBefore = levelOf(world.log);
    this.#given = givenBy(options.flags, options.byVariable);
    this.#setLevel();
  }

  /** Errors of `judge`. */
  static async open(options: RunningSettingsOptions, installed: Installed, world: Pick<World, 'files' | 'log'>): Promise<RunningSettings> {
    const settings = new RunningSettings(options, installed, world);
    await options.judge(settings.preference.choice, installed.config);
    return settings;
  }

  get preference(): Preference {
    return { choice: this.#choice(this.#installed.config), quicReturnMs: quicReturnMs(this.#installed.config) };
  }

  readonly onPreference = (callback: () => void): Disposable => {
    this.#watchers.add(callback);
    return { [Symbol.dispose]: () => void this.#watchers.delete(callback) };
  };

  shown(): ConfigAnswer {
    return { settings: settle(SHOWN_DEFAULTS, this.#given, this.#installed.config) };
  }

  /**
   * Other routes are offered by `advertise`, another transport comes by `onPreference`. Two at once go one after the other.
   * Errors `config.invalid`, `agent.not-enrolled`, `file.loose-mode` and those of `judge`: then everything is as it was.
   */
  async reload(advertise: () => Promise<void>): Promise<ReloadAnswer> {
    return await this.#reloads.run(async () => {
      try {
        const changes = await this.#take(advertise);
        this.#world.log.info({ changes }, 'the configuration was read again');
        return { changes };
      } catch (error) {
        this.#world.log.error({ error }, 'the configuration was not read again: what was in force stays');
        throw error;
      }
    });
  }

  async #take(advertise: () => Promise<void>): Promise<SettingChange[]> {
    const { dataDir, judge } = this.#options;
    const before = this.#installed.config;
    const after = await readConfig(dataDir, this.#world.files);
    await judge(this.#choice(after), before);
    const changes = changesBetween(SHOWN_DEFAULTS, this.#given, { before, after }, LIVE);
    const now = new Set(changes.filter(({ effect }) => effect === 'now').map(({ setting }) => setting));
    this.#installed.use(after);
    this.#setLevel();
    if (now.has('transport') || now.has('quic_return')) for (const watcher of [...this.#watchers]) watcher();
    if (now.has('routes')) await advertise();
    return changes;
  }

  #choice({ transport }: AgentConfig): TransportChoice {
    return this.#options.flags.transport ?? transport ?? AGENT_DEFAULTS.transport;
  }

  #setLevel(): void {
    setLevel(this.#world.log, this.#options.flags.logLevel ?? this.#installed.config.log_level ?? this.#levelBefore);
  }
}
