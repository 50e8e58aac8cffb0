// Where one-time strings may travel: they are read from a file or standard input, and written to a file.
import { basename, dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { TunnelError } from '../base/errors.ts';
import type { Files } from '../base/world.ts';

export interface TokenFile {
  readonly token: string;
  /** For standard error. */
  readonly warning: string | undefined;
}

/** `-` is standard input. A file that others can read is used, with a warning: the string works once only. Error `file.failed`. */
export async function readTokenFile(path: string, files: Files): Promise<TokenFile> {
  if (path === '-') return { token: (await text(process.stdin)).trim(), warning: undefined };
  const { content, warning } = await readWarily(path, files);
  if (content === undefined)
    throw new TunnelError('file.failed', `no file at ${path}`, { hint: 'Name the file that holds the string, or - for standard input.' });
  return { token: Buffer.from(content).toString('utf8').trim(), warning };
}

async function readWarily(path: string, files: Files): Promise<{ content: Uint8Array | undefined; warning: string | undefined }> {
  try {
    return { content: await files.readSecret(path), warning: undefined };
  } catch (error) {
    if (!(error instanceof TunnelError) || error.code !== 'file.loose-mode') throw error;
    return { content: await files.read(path), warning: `warning: ${error.message}. ${error.hint ?? ''}` };
  }
}

/** Asked before a string is made for that file: may it be written, and is nothing there but perhaps a file? Errors `file.failed`. */
export async function assureWritable(path: string, files: Files): Promise<void> {
  await files.read(path);
  const probe = join(dirname(path), `.${basename(path)}.tunnel-probe`);
  await files.replaceAtomically(probe, '');
  await files.remove(probe);
}
