// This very command again, in the background: a session of its own, its output in a private file, and word to the parent when it is ready or has failed.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { isErrorCode, TunnelError } from '../base/errors.ts';
import { PRIVATE_FILE, refuseShared } from './private.ts';

/** Tells the child what it is. A person's shell never has it, and the child's own children get none. */
const MARK = 'TUNNEL_IN_BACKGROUND';

/** What the child says, once. */
type Word = { readonly ready: unknown } | { readonly error: { readonly code: string; readonly message: string; readonly hint?: string | undefined } };

export interface Background {
  readonly pid: number;
  /** What the child gave as ready: plain data of the same program. */
  readonly ready: unknown;
}

/** Starts it with this process's own arguments and waits for its word. An abort ends it. Errors: the child's; `file.failed`; `internal` where it ended without a word. */
export async function startInBackground(logFile: string, signal: AbortSignal): Promise<Background> {
  const log = await openPrivate(logFile);
  try {
    const child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
      detached: true,
      stdio: ['ignore', log.fd, log.fd, 'ipc'],
      env: { ...process.env, [MARK]: '1' },
      signal,
    });
    const word = Promise.withResolvers<Word>();
    child.once('message', (said) => word.resolve(said as Word)); // the same program
    child.once('error', word.reject);
    child.once('exit', (code) =>
      word.reject(new TunnelError('internal', `the background process ended at once with exit code ${code}`, { hint: `Its log: ${logFile}` })),
    );
    const said = await word.promise;
    if ('error' in said) throw understood(said.error);
    child.disconnect();
    child.unref();
    return { pid: child.pid ?? 0, ready: said.ready };
  } finally {
    await log.close();
  }
}

/** What a child in the background says to its parent; undefined in any other process. */
export interface Parent {
  /** From here on the parent's end changes nothing. */
  ready(value: unknown): Promise<void>;
  failed(error: TunnelError): void;
}

/** Until `ready`, the parent's end is an interrupt. */
export function backgroundParent(): Parent | undefined {
  if (process.env[MARK] === undefined || process.send === undefined) return undefined;
  delete process.env[MARK];
  const orphaned = () => process.kill(process.pid, 'SIGTERM');
  process.once('disconnect', orphaned);
  const say = (word: Word) => process.send?.(word);
  return {
    async ready(value) {
      process.off('disconnect', orphaned);
      const left = once(process, 'disconnect');
      say({ ready: value });
      await left;
    },
    failed(error) {
      process.off('disconnect', orphaned);
      if (process.connected) say({ error: error.toJSON() });
    },
  };
}

/** Errors `file.failed`, `file.loose-mode`. */
async function openPrivate(path: string): Promise<FileHandle> {
  const file = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW, PRIVATE_FILE).catch((cause: unknown) => {
    throw new TunnelError('file.failed', `cannot write ${path}`, { hint: 'Name another folder with --config-dir.', cause });
  });
  try {
    refuseShared(path, await file.stat());
    await file.truncate();
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

function understood({ code, message, hint }: { readonly code: string; readonly message: string; readonly hint?: string | undefined }): TunnelError {
  return new TunnelError(isErrorCode(code) ? code : 'internal', message, { hint });
}
