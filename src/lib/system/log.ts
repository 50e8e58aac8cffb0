// The log of a process: one JSON line an event on stderr, text from elsewhere escaped by JSON itself and by escapeText.
import { createRequire } from 'node:module';
import { TunnelError } from '../base/errors.ts';
import { escapeText, escapeValues, harmlessJson } from '../base/escape.ts';
import type { Log } from '../base/world.ts';

/** From most to least. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
type ShownLevel = (typeof LOG_LEVELS)[number];
export type LogLevel = ShownLevel | 'silent';

/** Writes synchronously, so that the last line before a crash is there. */
export function createLog(options: { level: LogLevel; fields?: object }): Log {
  if (options.level === 'silent') return silentLog;
  const { pino } = loadPino();
  const logger = pino(
    {
      level: 'debug', // Leveled decides
      base: options.fields ?? null,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }), log: escapeFields },
      serializers: { error: describeError },
    },
    { write: (line: string) => process.stderr.write(harmlessJson(line)) }, // whatever was not seen before, messages and keys of others
  );
  return new Leveled(logger, { least: options.level });
}

/** All that come from one `createLog` share its level, which may change. */
class Leveled implements Log {
  readonly #logger: Log;
  readonly #level: { least: ShownLevel };

  constructor(logger: Log, level: { least: ShownLevel }) {
    this.#logger = logger;
    this.#level = level;
  }

  get level(): ShownLevel {
    return this.#level.least;
  }

  set level(least: ShownLevel) {
    this.#level.least = least;
  }

  debug(fields: object, message: string): void {
    if (this.#shows('debug')) this.#logger.debug(fields, message);
  }

  info(fields: object, message: string): void {
    if (this.#shows('info')) this.#logger.info(fields, message);
  }

  warn(fields: object, message: string): void {
    if (this.#shows('warn')) this.#logger.warn(fields, message);
  }

  error(fields: object, message: string): void {
    this.#logger.error(fields, message);
  }

  child(fields: object): Log {
    return new Leveled(this.#logger.child(fields), this.#level);
  }

  #shows(level: ShownLevel): boolean {
    return LOG_LEVELS.indexOf(level) >= LOG_LEVELS.indexOf(this.#level.least);
  }
}

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => silentLog };

/** For another process that shall log as this one does. */
export function levelOf(log: Log): LogLevel {
  return log instanceof Leveled ? log.level : 'silent';
}

/** For the log and its children, from now on. A silent one stays silent. */
export function setLevel(log: Log, level: LogLevel): void {
  if (log instanceof Leveled && level !== 'silent') log.level = level;
}

/** Most commands never log, and pino takes longer to load than they take to run. */
function loadPino(): typeof import('pino') {
  return createRequire(import.meta.url)('pino');
}

/** What the network does every day: a reset, a refusal, a system call that failed. Their message says all, and a stack would only hide it. */
function isForeseen(error: Error): boolean {
  if (error instanceof TunnelError) return error.code !== 'internal';
  const code = 'code' in error ? error.code : undefined;
  return error.name === 'StreamReset' || error.name === 'CutShort' || (typeof code === 'string' && /^E[A-Z]+$/.test(code));
}

function describeError(error: unknown): object {
  if (!(error instanceof Error)) return { message: escapeText(String(error)) };
  const { name, message, stack, cause } = error;
  return {
    type: escapeText(name),
    ...('code' in error && { code: escapeValues(error.code) }),
    message: escapeText(message),
    ...(!isForeseen(error) && { stack: stack?.split('\n').map(escapeText).join('\n') }),
    ...(cause !== undefined && { cause: describeError(cause) }),
  };
}

function escapeFields(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [escapeText(key), escapeValues(value)]));
}
