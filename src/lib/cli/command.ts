// The base of every command: JSON or text, exit codes, signals, the environment variable of each flag. A command itself only parses, calls and describes.
import { Command } from '@oclif/core/command';
import { escapeText, safeJson } from '../base/escape.ts';
import type { World } from '../base/world.ts';
import { defaultConfigDir, defaultDataDir } from '../system/paths.ts';
import { paintFor } from './colour.ts';
import { isTruthy, withVariables } from './environment.ts';
import { EXIT_CODES } from './exit-codes.ts';
import { globalFlags } from './global-flags.ts';
import { Interrupts } from './interrupts.ts';
import { errorJson, errorLines } from './render-error.ts';
import type { EventShapes, ResultShape } from './shape.ts';
import { formatTable } from './table.ts';
import { understand } from './understand.ts';

/** One line of a stream. */
interface Event {
  readonly event: 'audit' | 'ready' | 'background' | 'session' | 'warning' | 'lost' | 'healed' | 'error';
  readonly [key: string]: unknown;
}

/** `T` is the result as `--json` prints it; a command that streams events gives nothing. */
export abstract class TunnelCommand<T extends object | undefined> extends Command {
  static override baseFlags = globalFlags;
  static override enableJsonFlag = true;
  /** What `--json` prints: a command declares one of the two, or both (shape.ts). */
  static result: ResultShape | undefined;
  static events: EventShapes | undefined;

  /** A signal ends it with success: the `start` commands. */
  protected endsBySignal = false;
  protected readonly interrupts = new Interrupts();
  #streaming = false;
  #eventsTo: NodeJS.WriteStream = process.stdout;

  abstract override run(): Promise<T>;

  protected override async init(): Promise<void> {
    await super.init();
    const id = this.id ?? '';
    this.ctor.baseFlags = withVariables(id, this.ctor.baseFlags);
    this.ctor.flags = withVariables(id, this.ctor.flags ?? {});
    if (this.#given('no-color')) process.env['NO_COLOR'] = '1';
    if (this.endsBySignal) (await import('../system/surroundings.ts')).standGuard();
  }

  override jsonEnabled(): boolean {
    return super.jsonEnabled() || isTruthy(process.env['TUNNEL_JSON']);
  }

  /** For people, on standard output: each text is one line, whatever stands in it. Nothing with `--json`. */
  override log(...lines: readonly string[]): void {
    if (!this.jsonEnabled()) process.stdout.write(harmless(lines));
  }

  /** A table for people, as `formatTable` makes it, in colour on a terminal. */
  protected async table(header: readonly string[], rows: readonly (readonly string[])[], empty = ''): Promise<void> {
    if (!this.jsonEnabled()) process.stdout.write(`${formatTable(header, rows, empty, await paintFor(process.stdout))}\n`);
  }

  /** For people, on standard error, with `--json` too. */
  protected note(...lines: readonly string[]): void {
    process.stderr.write(harmless(lines));
  }

  /** One line of a stream; nothing without `--json`. */
  protected event(event: Event): void {
    if (!this.jsonEnabled()) return;
    this.#streaming = true;
    this.#eventsTo.write(`${safeJson(event)}\n`);
  }

  /** The single line of a program that now serves: an event or `text`, and word to systemd. */
  protected async ready(event: Event, text: string): Promise<void> {
    const [{ notifyReady }, { collectLoading, compileHotCode }] = await Promise.all([import('../system/notify.ts'), import('../system/after-loading.ts')]);
    collectLoading();
    compileHotCode();
    this.event(event);
    this.log(text);
    await notifyReady();
  }

  /** Standard output belongs to someone else: bytes of a channel, a child process. */
  protected sendEventsToStderr(): void {
    this.#eventsTo = process.stderr;
  }

  protected override logJson(json: unknown): void {
    this.#eventsTo.write(`${safeJson(json)}\n`);
  }

  /** The real world, its log at `level` or at debug with `--debug`. Imported here, because it is not free. */
  protected async world(level: 'info' | 'warn' | 'silent' = 'silent'): Promise<World> {
    const { realWorld } = await import('../system/real-world.ts');
    return realWorld({ level: this.#given('debug') ? 'debug' : level });
  }

  protected dataDir(flags: { 'data-dir'?: string | undefined }): string {
    return flags['data-dir'] ?? defaultDataDir();
  }

  protected configDir(flags: { 'config-dir'?: string | undefined }): string {
    return flags['config-dir'] ?? defaultConfigDir();
  }

  protected override async catch(thrown: unknown): Promise<void> {
    if (this.endsBySignal && this.interrupts.happened) return;
    const error = understand(thrown, `tunnel ${(this.id ?? '').replaceAll(':', ' ')}`);
    process.exitCode = EXIT_CODES[error.kind];
    const debug = this.#given('debug');
    if (!this.jsonEnabled()) return void process.stderr.write(`${errorLines(error, debug, await paintFor(process.stderr)).join('\n')}\n`);
    this.logJson(errorJson(error, this.#streaming));
    if (debug) this.note(...errorLines(error, true));
  }

  protected override async finally(error: Error | undefined): Promise<void> {
    if (this.interrupts.happened && !this.endsBySignal) process.exitCode = EXIT_CODES.interrupted;
    this.interrupts[Symbol.dispose]();
    await super.finally(error);
  }

  /** Known before anything is parsed, so that a parse error is shown the right way. */
  #given(flag: 'debug' | 'no-color'): boolean {
    const end = this.argv.indexOf('--');
    const own = end === -1 ? this.argv : this.argv.slice(0, end);
    return own.includes(`--${flag}`) || isTruthy(process.env[`TUNNEL_${flag.replace('-', '_').toUpperCase()}`]);
  }
}

function harmless(lines: readonly string[]): string {
  return lines.map((line) => `${escapeText(line)}\n`).join('');
}
