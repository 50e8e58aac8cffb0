// A file that somebody wrote by hand, or standard input.
import { text } from 'node:stream/consumers';
import { TunnelError } from '../base/errors.ts';
import type { Files } from '../base/world.ts';

/** `-` is standard input. Error `file.failed`. */
export async function readTextFile(path: string, files: Pick<Files, 'read'>): Promise<string> {
  if (path === '-') return await text(process.stdin);
  const content = await files.read(path);
  if (content === undefined) throw new TunnelError('file.failed', `no file at ${path}`, { hint: 'Name a file, or - for standard input.' });
  return Buffer.from(content).toString('utf8');
}
