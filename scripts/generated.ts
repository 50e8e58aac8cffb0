// Every generated file with its content; generate.ts writes them, test/commands.test.ts compares them.
import { readFileSync } from 'node:fs';
import type { Command } from '@oclif/core/command';
import { openapi } from '../src/lib/api/openapi.ts';
import { exitCodesPage } from '../src/lib/cli/exit-codes-page.ts';
import { commandPage, mainPage, pageName } from '../src/lib/cli/manual.ts';
import { contractPages } from './contract-pages.ts';
import { root, snapshotOf } from './read-commands.ts';

/** Paths below the root. The same sources give the same bytes. */
export async function generated(commands: readonly Command.Cached[]): Promise<Map<string, string>> {
  const { version } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));
  const files = new Map([
    ['oclif.manifest.json', json({ commands: Object.fromEntries(commands.map((command) => [command.id, command])), version })],
    ['test/snapshots/commands.json', json(snapshotOf(commands))],
    ['docs/openapi.json', json(openapi())],
    ['man/tunnel.1', mainPage(commands)],
    ['man/tunnel-exit-codes.7', exitCodesPage()],
    ...(await contractPages(commands)),
  ]);
  for (const command of commands) files.set(`man/${pageName(command.id)}.1`, commandPage(command, siblings(command.id, commands)));
  return files;
}

function siblings(id: string, commands: readonly Command.Cached[]): string[] {
  const topic = id.split(':')[0];
  return commands.map((other) => other.id).filter((other) => other.split(':')[0] === topic);
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
