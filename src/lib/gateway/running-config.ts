// The configuration of a running gateway: what is in force and where it comes from, and a reload that takes over what it can or changes nothing (E7).
import { X509Certificate } from 'node:crypto';
import type { ConfigAnswer, ReloadAnswer } from '../api/config.ts';
import { TunnelError } from '../base/errors.ts';
import { OneAtATime } from '../base/one-at-a-time.ts';
import { changesBetween, type Given, type SettingChange, settle } from '../base/settings.ts';
import type { World } from '../base/world.ts';
import { publicSpki } from '../pki/keys.ts';
import { type LogLevel, levelOf, setLevel } from '../system/log.ts';
import { formatListen, parseListen, urlOf } from './addresses.ts';
import { GATEWAY_DEFAULTS, type GatewayFlags, givenBy, type Lifetimes, serverNames, type WantedConfig, wantedConfig } from './config.ts';
import { readConfig, type StoredConfig } from './config-file.ts';
import type { DataFolder } from './data-folder.ts';

/** What a running gateway takes over; the rest waits for its next start. */
const LIVE: ReadonlySet<string> = new Set([
  'public_url',
  'public_udp',
  'agent_cert_lifetime',
  'server_cert_lifetime',
  'longest_session',
  'direct',
  'log_level',
]);

export interface RunningConfigOptions {
  readonly folder: DataFolder;
  readonly flags: GatewayFlags;
  /** Settings whose flag came from its variable. */
  readonly byVariable: ReadonlySet<string>;
}

/** What a reload acts on. */
export interface Reloadable {
  /** The server certificate in use. */
  certificate(): { readonly certificatePem: string; readonly pin: string; readonly privateKeyPem: string };
  /** Looks at the files of the server certificate again, and issues one where they do not fit what is wanted. Errors of `serverCertificate`. */
  refreshCertificate(): Promise<void>;
  useLogLevel(level: LogLevel): Promise<void>;
  /** Once it is in force, whatever asked for it. */
  reloaded(changes: readonly SettingChange[], actor: string): void;
}

export class RunningConfig {
  readonly #options: RunningConfigOptions;
  readonly #world: Pick<World, 'files' | 'net' | 'log'>;
  readonly #levelBefore: LogLevel;
  readonly #reloads = new OneAtATime();
  #wanted: WantedConfig;
  #stored: StoredConfig | undefined;
  #given: Given;

  private constructor(options: RunningConfigOptions, stored: StoredConfig | undefined, world: Pick<World, 'files' | 'net' | 'log'>) {
    const { flags, byVariable } = options;
    this.#options = options;
    this.#world = world;
    this.#stored = stored;
    this.#wanted = wantedConfig(flags, stored, world.net.interfaces());
    this.#given = givenBy(flags, byVariable);
    this.#levelBefore = levelOf(world.log);
    setLevel(world.log, this.logLevel);
  }

  /** Errors as `readConfig` and `wantedConfig`. */
  static async open(options: RunningConfigOptions, world: Pick<World, 'files' | 'net' | 'log'>): Promise<RunningConfig> {
    return new RunningConfig(options, await readConfig(options.folder.config, world.files), world);
  }

  get wanted(): WantedConfig {
    return this.#wanted;
  }

  /** Once it is settled: how the gateway is reached. */
  get reached(): Pick<StoredConfig, 'listen' | 'public_url' | 'public_udp'> {
    const { listen, publicUrl, publicUdp } = this.#wanted;
    return { listen: formatListen(listen), public_url: publicUrl ?? urlOf(listen), public_udp: publicUdp };
  }

  /** As it was read, or settled; undefined before the first start. */
  get stored(): StoredConfig | undefined {
    return this.#stored;
  }

  get lifetimes(): Lifetimes {
    return this.#wanted.lifetimes;
  }

  get logLevel(): LogLevel {
    return this.#options.flags.logLevel ?? this.#stored?.log_level ?? this.#levelBefore;
  }

  /** What the server certificate must be. */
  get server(): { readonly names: readonly string[]; readonly lifetimeMs: number } {
    return { names: serverNames(this.#wanted), lifetimeMs: this.lifetimes.serverMs };
  }

  /** The ports are known: so it is stored. Errors of the disk. */
  async settle(settled: StoredConfig): Promise<void> {
    await this.#world.files.replaceAtomically(this.#options.folder.config, `${JSON.stringify(settled, null, 2)}\n`);
    this.#stored = settled;
    this.#wanted = { ...this.#wanted, listen: parseListen(settled.listen, 'listen'), publicUrl: settled.public_url };
    this.#given = Object.fromEntries(
      Object.entries(this.#given).map(([setting, { value, by }]) => [setting, { value: textOf(settled[setting]) ?? value, by }]),
    );
  }

  settings(): ConfigAnswer {
    return { settings: settle(GATEWAY_DEFAULTS, this.#given, this.#stored ?? {}) };
  }

  /**
   * Two at once go one after the other. Errors `config.invalid`, `file.loose-mode`, those of `wantedConfig` and of the certificate: then everything is as it was.
   */
  async reload(target: Reloadable, actor: string): Promise<ReloadAnswer> {
    return await this.#reloads.run(async () => {
      try {
        const changes = await this.#take(target);
        this.#world.log.info({ changes }, 'the configuration was read again');
        target.reloaded(changes, actor);
        return { changes };
      } catch (error) {
        this.#world.log.error({ error }, 'the configuration was not read again: what was in force stays');
        throw error;
      }
    });
  }

  async #take(target: Reloadable): Promise<SettingChange[]> {
    const { folder, flags } = this.#options;
    const { files, net } = this.#world;
    const [before, wantedBefore] = [this.#stored, this.#wanted];
    const after = await readConfig(folder.config, files);
    if (before === undefined || after === undefined) throw new TunnelError('config.invalid', `there is no ${folder.config}`, { hint: 'Bring it back.' });
    const wanted = wantedConfig(flags, after, net.interfaces());
    await this.#assertSameKey(target.certificate().privateKeyPem);
    const changes = changesBetween(GATEWAY_DEFAULTS, this.#given, { before, after }, LIVE);
    const certificateBefore = target.certificate().certificatePem;
    this.#stored = { ...after, listen: before.listen, proxy_listen: before.proxy_listen };
    this.#wanted = { ...wanted, listen: wantedBefore.listen, proxyListen: wantedBefore.proxyListen, publicUrl: wanted.publicUrl ?? wantedBefore.publicUrl };
    try {
      await target.refreshCertificate();
    } catch (error) {
      [this.#stored, this.#wanted] = [before, wantedBefore];
      throw error;
    }
    setLevel(this.#world.log, this.logLevel);
    await target.useLogLevel(this.logLevel);
    return [...changes, ...certificateChange(certificateBefore, target.certificate().certificatePem)];
  }

  /** Version 1 agents pin it, and the edge has it since its start. */
  async #assertSameKey(inUsePem: string): Promise<void> {
    const { serverKey } = this.#options.folder;
    const stored = await this.#world.files.readSecret(serverKey);
    const same = stored !== undefined && Buffer.from(publicSpki(Buffer.from(stored).toString())).equals(publicSpki(inUsePem));
    if (!same) throw new TunnelError('config.invalid', `${serverKey} is not the key that is in use`, { hint: 'Put it back, or start the gateway anew.' });
  }
}

function certificateChange(before: string, after: string): SettingChange[] {
  if (before === after) return [];
  const serial = (pem: string) => new X509Certificate(pem).serialNumber.toLowerCase();
  return [{ setting: 'server-cert.pem', before: serial(before), after: serial(after), effect: 'now' }];
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
