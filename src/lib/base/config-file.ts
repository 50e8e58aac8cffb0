// Reads a configuration file: what is wrong with it is said by field and line, without a word of its content but the value of that field.
import type { z } from 'zod';
import { messageOf, TunnelError } from './errors.ts';
import { escapeText } from './escape.ts';

export interface ConfigFile {
  readonly path: string;
  readonly content: Uint8Array;
}

/** Error `config.invalid`. */
export function parseConfigFile<T extends z.ZodType>({ path, content }: ConfigFile, schema: T, hint: string): z.output<T> {
  const text = Buffer.from(content).toString('utf8');
  const invalid = (line: number | undefined, why: string) =>
    new TunnelError('config.invalid', `${path}${line === undefined ? '' : `, line ${line}`}: ${why}`, { hint });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw invalid(brokenLine(text, cause), 'not JSON');
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const field = issue?.path.map(String).join('.') ?? '';
  const isMissing = issue?.path.length === 1 && !Object.hasOwn(Object(value), field);
  throw invalid(keyLines(text).get(String(issue?.path[0])), isMissing ? `${field} is missing` : inWords(field, issue));
}

/** Keys of the outermost object that are no settings, by name alone: what they hold may be anybody's secret. */
export function unknownKeys(content: Uint8Array, known: Readonly<Record<string, unknown>>): string[] {
  return Object.keys(asObject(content)).filter((key) => key !== '$schema' && !Object.hasOwn(known, key));
}

function asObject(content: Uint8Array): object {
  try {
    return Object(JSON.parse(Buffer.from(content).toString('utf8')));
  } catch {
    return {};
  }
}

/** A field of text that `parse` must take: what it throws is what is wrong with it. */
export function takes<T extends z.ZodType<string | null | undefined>>(schema: T, parse: (text: string) => unknown): T {
  return schema.check((context) => {
    if (typeof context.value !== 'string') return;
    try {
      parse(context.value);
    } catch (error) {
      context.issues.push({ code: 'custom', input: context.value, message: messageOf(error) });
    }
  });
}

function inWords(field: string, issue: z.core.$ZodIssue | undefined): string {
  const message = escapeText(issue?.message.replace(/^Invalid (input|option): /, '') ?? '');
  if (field === '') return message;
  return message.startsWith(field) ? message : `${field}: ${message}`;
}

const TOKEN = /\s+|[{}[\],:]|"(?:[^"\\\n\r]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;

/** Of good JSON: in which line each key of the outermost object stands; a key that comes twice counts where it comes last, as in JSON. */
function keyLines(text: string): Map<string, number> {
  const lines = new Map<string, number>();
  let depth = 0;
  let line = 1;
  let last: { readonly text: string; readonly line: number } | undefined;
  for (const token of tokensOf(text)) {
    if (token === '{' || token === '[') depth += 1;
    if (token === '}' || token === ']') depth -= 1;
    if (token === ':' && depth === 1 && last !== undefined) lines.set(String(JSON.parse(last.text)), last.line);
    if (token.startsWith('"')) last = { text: token, line };
    line += token.split('\n').length - 1;
  }
  return lines;
}

/** The engine names a place for some failures; else it is where the first thing stands that JSON does not know. */
function brokenLine(text: string, cause: unknown): number | undefined {
  const [, named] = /\(line (\d+) column \d+\)/.exec(cause instanceof Error ? cause.message : '') ?? [];
  if (named !== undefined) return Number(named);
  const read = [...tokensOf(text)].join('');
  return read.length < text.length ? read.split('\n').length : undefined;
}

function* tokensOf(text: string): Generator<string> {
  const token = new RegExp(TOKEN);
  for (let found = token.exec(text); found !== null; found = token.exec(text)) yield found[0];
}
