// Reads a file that a person wrote, or standard input: policies, smoke tests.
import { buffer } from 'node:stream/consumers';
import { TunnelError } from '../base/errors.ts';
import type { Files } from '../base/world.ts';

/** `-` is standard input. Error `file.failed`. */
export async function readInput(path: string, files: Files): Promise<Uint8Array> {
  if (path === '-') return await buffer(process.stdin);
  const content = await files.read(path);
  if (content !== undefined) return content;
  throw new TunnelError('file.failed', `no file at ${path}`, { hint: 'Name a file, or - for standard input.' });
}
