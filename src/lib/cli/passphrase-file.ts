// Reads the passphrase of a CA's key from where secrets may travel: a file for its owner alone, or standard input.
import { text } from 'node:stream/consumers';
import { TunnelError } from '../base/errors.ts';
import type { Files } from '../base/world.ts';

/** Without the line end behind it. `-` is standard input. Errors `file.failed`, `file.loose-mode`, `usage` for an empty one. */
export async function readPassphraseFile(path: string | undefined, files: Files): Promise<string | undefined> {
  if (path === undefined) return undefined;
  const passphrase = (path === '-' ? await text(process.stdin) : await readFile(path, files)).replace(/\r?\n$/, '');
  if (passphrase !== '') return passphrase;
  throw new TunnelError('usage', `${path === '-' ? 'standard input' : path} holds no passphrase`, { hint: 'Write it on one line.' });
}

async function readFile(path: string, files: Files): Promise<string> {
  const content = await files.readSecret(path);
  if (content !== undefined) return Buffer.from(content).toString('utf8');
  throw new TunnelError('file.failed', `no file at ${path}`, { hint: 'Name the file that holds the passphrase, or - for standard input.' });
}
