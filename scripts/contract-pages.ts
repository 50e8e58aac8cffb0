// The pages of docs/ that say what scripts may rely on: a schema a command, and every error code with its exit code.
import type { Command } from '@oclif/core/command';
import { ERROR_KINDS, type ErrorCode, type Kind } from '../src/lib/base/errors.ts';
import { ERROR_MEANINGS } from '../src/lib/cli/error-meanings.ts';
import { EXIT_CODES, EXIT_MEANINGS } from '../src/lib/cli/exit-codes.ts';
import { ErrorDocument, jsonSchema, type Promised, readPromised } from './read-results.ts';

const DIALECT = 'https://json-schema.org/draft/2020-12/schema';
const GENERATED = '<!-- Written by npm run generate. -->';

/** Paths below the root, with their content. */
export async function contractPages(commands: readonly Command.Cached[]): Promise<Map<string, string>> {
  const promised = await Promise.all(commands.map(async ({ id }) => [id, await readPromised(id)] as const));
  return new Map([
    ['docs/error-codes.md', errorCodes()],
    ['docs/json/README.md', index(promised)],
    ['docs/json/error.schema.json', schemaText('tunnel: every failure under --json', jsonSchema(ErrorDocument))],
    ...promised.map(([id, of]) => [schemaFile(id), schemaText(`${words(id)} --json`, schemaOf(of))] as const),
  ]);
}

function schemaFile(id: string): string {
  return `docs/json/${id.replaceAll(':', '-')}.schema.json`;
}

function words(id: string): string {
  return `tunnel ${id.replaceAll(':', ' ')}`;
}

/** Of each document on standard output: the result, or one line of the stream. */
function schemaOf({ result, events }: Promised): object {
  const each = [...(result === undefined ? [] : [result]), ...events.values()].map(jsonSchema);
  return each.length === 1 ? { ...each[0] } : { anyOf: each };
}

function schemaText(title: string, schema: object): string {
  return `${JSON.stringify({ $schema: DIALECT, title, ...schema }, null, 2)}\n`;
}

function index(promised: readonly (readonly [string, Promised])[]): string {
  const rows = promised.map(([id, { result, events }]) => {
    const streams = [...events.keys()].filter((name) => name !== 'error');
    return `| \`${words(id)}\` | [${result === undefined ? 'events' : 'result'}](${schemaFile(id).replace('docs/json/', '')}) | ${streams.join(', ')} |`;
  });
  return `${GENERATED}
# What --json prints

One JSON document on standard output and nothing else there; of commands that keep running, one JSON object a line, each with \`event\`.
A failure is [\`{"error":{"code","message","hint"}}\`](error.schema.json), in a stream that has begun \`{"event":"error","error":{...}}\`; its
codes and exit codes are in [error-codes.md](../error-codes.md), and what each command answers to bad input is in [matrix.md](matrix.md).

Keys never change their meaning, and none is taken away before the next major version. Keys and events may be added: ignore what you do not know.

| command | schema | events |
| --- | --- | --- |
${rows.join('\n')}
`;
}

function errorCodes(): string {
  const kinds = Object.entries(EXIT_CODES) as [Kind, number][];
  const codes = Object.entries(ERROR_KINDS) as [ErrorCode, Kind][];
  const sections = kinds.map(([kind, exit]) => {
    const rows = codes.filter(([, of]) => of === kind).map(([code]) => `| \`${code}\` | ${ERROR_MEANINGS[code].map(cell).join(' | ')} |`);
    return `## Exit ${exit}: ${kind}\n\n${EXIT_MEANINGS[kind]}\n\n| code | means | do |\n| --- | --- | --- |\n${rows.join('\n')}\n`;
  });
  return `${GENERATED}
# Error codes

Every failure has a code, a kind and an exit code, and the three never change. With \`--json\` the code stands in \`error.code\`; the message and the
hint beside it are for people and may change. Exit code 0 says that it did what was asked. With \`connect ... -- COMMAND\` the exit code is the program's own.

${sections.join('\n')}`;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}
