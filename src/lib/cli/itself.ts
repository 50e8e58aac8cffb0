// How another program can start this very tunnel, whatever PATH it has.
import { resolve } from 'node:path';

/** Node, and the file that was started. */
export function itself(): string[] {
  return [process.execPath, ...process.argv.slice(1, 2)];
}

/** Undefined stays so: the folder that is the default then is the default later. */
export function absolute(folder: string | undefined): string | undefined {
  return folder === undefined ? undefined : resolve(folder);
}
