// Holds what the real command line prints under --json against what the command promises (docs/json): the shape to the last key, and the exit code of each error.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import type { z } from 'zod';
import { root } from '../../scripts/read-commands.ts';
import { ErrorDocument, type Promised, readPromised } from '../../scripts/read-results.ts';
import { ERROR_KINDS, isErrorCode } from '../../src/lib/base/errors.ts';
import { EXIT_CODES } from '../../src/lib/cli/exit-codes.ts';

interface Printed {
  readonly code: number | null;
  readonly stdout: string;
}

/** One document, or one event a line; alone on standard output. Nothing is asked where standard output belongs to someone else: help, channels, programs. */
export async function assertPromised(args: readonly string[], { code, stdout }: Printed, env: NodeJS.ProcessEnv = {}): Promise<void> {
  if (!asksForJson(args, env)) return;
  const typed = `tunnel ${args.join(' ')}`;
  assert.ok(stdout.endsWith('\n'), `${typed}: no document: ${stdout}`);
  const documents = stdout.slice(0, -1).split('\n').map(read);
  const promised = await promisedBy(args);
  const last = documents.at(-1);
  const stopped = code === null || code === 130;
  if ('error' in (last ?? {}) && !stopped) assertError(last, code, typed);
  for (const document of documents) assertShape(document, promised, typed);
  if (!('event' in (documents[0] ?? {}))) assert.equal(documents.length, 1, `${typed}: one document: ${stdout}`);
}

/** One line of a stream that goes on. Another program's, where there are no arguments, promises nothing. */
export async function assertPromisedEvent(args: readonly string[], event: object): Promise<void> {
  if (args.length === 0) return;
  assertShape(event, await promisedBy(args), `tunnel ${args.join(' ')}`);
}

function asksForJson(args: readonly string[], env: NodeJS.ProcessEnv): boolean {
  if (args.some((arg) => ['--', '--help', '--version', '--stdio', '-W'].includes(arg))) return false;
  return args.includes('--json') || env['TUNNEL_JSON'] === '1';
}

function assertError(document: unknown, code: number | null, typed: string): void {
  const { error } = ErrorDocument.parse(document);
  assert.ok(isErrorCode(error.code), `${typed}: ${error.code} is no error code`);
  assert.equal(code, EXIT_CODES[ERROR_KINDS[error.code]], `${typed}: the exit code of ${error.code}`);
}

function assertShape(document: object, promised: Promised | undefined, typed: string): void {
  const shape = shapeOf(document, promised);
  assert.ok(shape !== undefined, `${typed}: what it printed is declared nowhere: ${JSON.stringify(document)}`);
  const read = shape.safeParse(document);
  assert.ok(read.success, `${typed}: ${JSON.stringify(document)}\n${read.error}`);
  assert.deepEqual(read.data, document, `${typed}: keys that are not declared`);
}

function shapeOf(document: object, promised: Promised | undefined): z.ZodType | undefined {
  if ('event' in document) return promised?.events.get(String(document.event));
  return 'error' in document ? ErrorDocument : promised?.result;
}

function read(line: string): object {
  const value: unknown = JSON.parse(line);
  assert.ok(typeof value === 'object' && value !== null && !Array.isArray(value), line);
  return value;
}

/** Undefined for words that are no command. */
async function promisedBy(args: readonly string[]): Promise<Promised | undefined> {
  const [first = '', second = ''] = args;
  const id = [`${first}:${second}`, first].find((id) => /^[a-z:-]+$/.test(id) && existsSync(`${root}src/commands/${id.replace(':', '/')}.ts`));
  return id === undefined ? undefined : await readPromised(id);
}
