// The log of a process: one JSON line an event on stderr, text from elsewhere escaped by JSON itself and by escapeText.
import { pino, stdSerializers } from 'pino';
import { escapeText } from '../base/escape.ts';
import type { Log } from '../base/world.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** Writes synchronously, so that the last line before a crash is there. */
export function createLog(options: { level: LogLevel; fields?: object }): Log {
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

function escapeFields(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, typeof value === 'string' ? escapeText(value) : value]));
}
