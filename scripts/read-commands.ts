// Reads every command from src/ as oclif sees it: for the manifest, the man pages, the snapshot and the tests that hold them.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Command } from '@oclif/core/command';
import { Config } from '@oclif/core/config';
import { settings } from '@oclif/core/settings';
import { variableName } from '../src/lib/cli/environment.ts';

export const root = fileURLToPath(new URL('..', import.meta.url));

/** Sorted by id; paths as in the built package. */
export async function readCommands(): Promise<Command.Cached[]> {
  settings.enableAutoTranspile = false;
  const pjson = JSON.parse(readFileSync(`${root}package.json`, 'utf8').replaceAll('./dist/', './src/'));
  const config = await Config.load({ root, pjson, ignoreManifest: true, errorOnManifestCreate: true });
  const commands = config.commands.map(
    ({ load: _load, ...cached }): Command.Cached => ({
      ...cached,
      flags: Object.fromEntries(
        Object.entries(cached.flags)
          .sort(byKey)
          .map(([name, flag]) => [name, { ...flag, env: variableName(cached.id, name) }]),
      ),
      relativePath: cached.relativePath?.map((part) => part.replace(/^src$/, 'dist').replace(/\.ts$/, '.js')),
    }),
  );
  return commands.sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** The interface of the command line, small enough to be read in a diff. */
export function snapshotOf(commands: readonly Command.Cached[]): object[] {
  return commands.map(({ id, args, flags }) => ({
    command: id.replaceAll(':', ' '),
    args: Object.values(args).map(({ name, required, multiple }) => `${name}${multiple ? '...' : ''}${required ? '' : '?'}`),
    flags: Object.values(flags).map(
      ({ name, char, type, required }) => `--${name}${char ? ` -${char}` : ''}${type === 'option' ? ' VALUE' : ''}${required ? ' required' : ''}`,
    ),
  }));
}

function byKey([a]: [string, unknown], [b]: [string, unknown]): number {
  return a < b ? -1 : 1;
}
