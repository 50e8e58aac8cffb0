// The log of a process: one JSON line an event on stderr, text from elsewhere escaped by JSON itself and by escapeText.
import { createRequire } from 'node:module';
import { TunnelError } from '../base/errors.ts';
import { escapeText, escapeValues, harmlessJson } from '../base/escape.ts';
import type { Log } from '../base/world.ts';

const LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LEVELS)[number];

/** Writes synchronously, so that the last line before a crash is there. */
export function createLog(options: { level: LogLevel; fields?: object }): Log {
  if (options.level === 'silent') return silentLog;
  const { pino } = loadPino();
  const logger = pino(
    {
      level: options.level,
      base: options.fields ?? null,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }), log: escapeFields },
      serializers: { error: describeError },
    },
    { write: (line: string) => process.stderr.write(harmlessJson(line)) }, // whatever was not seen before, messages and keys of others
  );
  return logger;
}

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => silentLog };

/** For another process that shall log as this one does. */
export function levelOf(log: Log): LogLevel {
  const level = 'level' in log ? log.level : undefined;
  return LEVELS.find((known) => known === level) ?? 'silent';
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
