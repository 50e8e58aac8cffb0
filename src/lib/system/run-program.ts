// Another program in the foreground: its terminal is ours, and its exit code becomes ours.
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { TunnelError } from '../base/errors.ts';

const SIGNAL_BASE = 128;

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** `to stderr`: it reads nothing, and standard output is left alone. */
  readonly terminal?: 'inherited' | 'to stderr' | undefined;
}

/** Its exit code; 128 + signal where one ended it, as shells count. An abort sends it SIGTERM. Error `usage` where it cannot be started. */
export async function runProgram(
  file: string,
  args: readonly string[],
  signal: AbortSignal,
  { env = {}, terminal = 'inherited' }: RunOptions = {},
): Promise<number> {
  const [{ execa }, { constants: system }] = await Promise.all([import('execa'), import('node:os')]);
  const result = await execa(file, args, {
    stdio: terminal === 'inherited' ? 'inherit' : ['ignore', process.stderr, process.stderr],
    reject: false,
    cancelSignal: signal,
    env,
  });
  if (result.exitCode !== undefined) return result.exitCode;
  if (result.signal !== undefined) return SIGNAL_BASE + (system.signals[result.signal] ?? 0);
  throw new TunnelError('usage', `cannot run ${file}: ${result.code ?? 'it did not start'}`, { hint: 'Is it installed and in PATH?', cause: result });
}

/** The first of them that stands in PATH. */
export function findProgram(...names: readonly string[]): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  const endings = process.platform === 'win32' ? ['.exe', '.cmd'] : [''];
  return names.flatMap((name) => folders.flatMap((folder) => endings.map((ending) => join(folder, name + ending)))).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
