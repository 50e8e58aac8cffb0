// What the documentation types: every tunnel command line in README.md and docs/ names commands, flags and choices that exist, and every link leads to a file.
import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import type { Command } from '@oclif/core/command';
import { readCommands, root } from '../scripts/read-commands.ts';

const commands = new Map((await readCommands()).map((command) => [command.id, command]));
const pages = ['README.md', 'CONTRIBUTING.md', ...globSync('docs/**/*.md', { cwd: root })].filter(
  (page) => !/^docs\/(adr|json)\//.test(page.replaceAll('\\', '/')),
);

test('pages and their command lines are seen', () => {
  assert.ok(pages.length > 20, String(pages.length));
  assert.ok(pages.flatMap((page) => typedIn(readFileSync(join(root, page), 'utf8'))).length > 100);
});

for (const page of pages) {
  const text = readFileSync(join(root, page), 'utf8');
  test(`${page}: what is typed exists`, () => {
    assert.deepEqual(
      typedIn(text).flatMap((line) => faults(line).map((fault) => `${fault}: ${line}`)),
      [],
    );
  });
  test(`${page}: links lead somewhere`, () => {
    const links = [...text.matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g)].map(([, link = '']) => link);
    assert.deepEqual(
      links.filter((link) => !existsSync(join(root, dirname(page), link))),
      [],
    );
  });
}

test('examples in help name what exists', () => {
  const examples = [...commands.values()].flatMap(({ examples = [] }) =>
    examples.map((example) => String(example).replaceAll('<%= config.bin %>', 'tunnel').split('\n')[0] ?? ''),
  );
  assert.deepEqual(
    examples.flatMap((example) => commandLines(example).flatMap((line) => faults(line).map((fault) => `${fault}: ${line}`))),
    [],
  );
});

/** What they print is somebody else's, a file for a program, or nothing. */
const WITHOUT_OUTPUT = ['agent:reload', 'complete', 'completion', 'policy:show', 'profile:edit', 'ssh', 'token:mint', 'wizard'];

test('help shows what a command prints', () => {
  const without = [...commands.values()].filter(({ examples = [] }) => !examples.some((example) => String(example).includes('\n'))).map(({ id }) => id);
  assert.deepEqual(without.sort(), WITHOUT_OUTPUT);
});

test('the check itself sees what is wrong', () => {
  assert.deepEqual(faults('tunnel agent enrol --token-file x'), ['no command agent enrol']);
  assert.deepEqual(faults('tunnel agent list --limits 3'), ['agent list has no --limits']);
  assert.deepEqual(faults('tunnel token mint --kind planet --name x'), ['token mint --kind has no choice planet']);
  assert.deepEqual(faults('tunnel connect 10.0.0.7:80 -- curl --fail http://{addr}/'), []);
});

/** Of shell blocks, whole or behind a `$`, and of what stands between backticks. */
function typedIn(text: string): string[] {
  const blocks = [...text.matchAll(/^```(sh|console)\n([\s\S]*?)^```/gm)].flatMap(([, kind, block = '']) => {
    const lines = block.replaceAll('\\\n', ' ').split('\n');
    return kind === 'sh' ? lines : lines.flatMap((line) => (line.startsWith('$ ') ? [line.slice(2)] : []));
  });
  const inline = [...text.replaceAll(/^```[\s\S]*?^```/gm, '').matchAll(/`(tunnel [^`]*)`/g)].map(([, line = '']) => line.replaceAll('\n', ' '));
  return [...blocks, ...inline].flatMap(commandLines);
}

/** What begins with the word tunnel, alone, behind a pipe or inside quotes. */
function commandLines(line: string): string[] {
  return line
    .replace(/(^|\s)#.*$/, '')
    .split(/\s(?:\|\|?|&&|;)\s|[;(]|='|\$\(/)
    .map((part) => part.trim().replace(/^(sudo |[A-Z_]+=\S+ )+/, ''))
    .filter((part) => /^tunnel( |$)/.test(part));
}

function faults(line: string): string[] {
  const words = (line.match(/(?:[^\s'"]|'[^']*'|"[^"]*")+/g) ?? []).slice(1);
  const [first, second] = words;
  if (first === undefined || first.startsWith('-') || isPlaceholder(first)) return [];
  const id = [`${first}:${second}`, first].find((candidate) => commands.has(candidate));
  const command = id === undefined ? undefined : commands.get(id);
  const isTopic = [...commands.keys()].some((other) => other.startsWith(`${first}:`));
  if (command === undefined)
    return isTopic && (second === undefined || second.startsWith('-') || isPlaceholder(second) || second === '/')
      ? []
      : [`no command ${first} ${second ?? ''}`.trim()];
  return flagFaults(command, words.slice(command.id.split(':').length));
}

function flagFaults({ id, flags }: Command.Cached, words: readonly string[]): string[] {
  const end = words.indexOf('--');
  const own = end === -1 ? words : words.slice(0, end);
  return own.flatMap((word, index) => {
    const [, name, given] = /^--([a-z][a-z-]*)(?:=(.*))?$/.exec(word) ?? [];
    if (name === undefined || name === 'help') return [];
    const flag = flags[name] ?? flags[name.replace(/^no-/, '')];
    const called = id.replace(':', ' ');
    if (flag === undefined) return [`${called} has no --${name}`];
    if (flag.type !== 'option' || flag.options === undefined) return [];
    const value = given ?? own[index + 1] ?? '';
    return isPlaceholder(value) || value.includes('|') || flag.options.includes(value) ? [] : [`${called} --${name} has no choice ${value}`];
  });
}

/** COMMAND, NAME, `...`. */
function isPlaceholder(word: string): boolean {
  return /^[^a-z0-9]+$/.test(word);
}
