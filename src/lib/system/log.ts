// The log of a process: one JSON line an event on stderr, text from elsewhere escaped by JSON itself and by escapeText.
import { createRequire } from 'node:module';
import { escapeText } from '../base/escape.ts';
import type { Log } from '../base/world.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** Writes synchronously, so that the last line before a crash is there. */
export function createLog(options: { level: LogLevel; fields?: object }): Log {
  if (options.level === 'silent') return silentLog;
  const { pino, stdSerializers } = loadPino();
  const logger = pino(
    {
      level: options.level,
      base: options.fields ?? null,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }), log: escapeFields },
      serializers: { error: stdSerializers.errWithCause, err: stdSerializers.errWithCause },
    },
    process.stderr,
  );
  return logger;
}

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => silentLog };

/** Most commands never log, and pino takes longer to load than they take to run. */
function loadPino(): typeof import('pino') {
  return createRequire(import.meta.url)('pino');
}

function escapeFields(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, typeof value === 'string' ? escapeText(value) : value]));
}
