// Files of the operating system: private by default, replaced atomically, locked across processes.

import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { chmod, lstat, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { TunnelError } from '../base/errors.ts';
import type { Files } from '../base/world.ts';

const PRIVATE_FILE = 0o600;
const PRIVATE_DIRECTORY = 0o700;
const OTHERS = 0o077;

export const realFiles: Files = {
  read: (path) => readNoFollow(path, () => {}),
  readSecret: (path) => readNoFollow(path, ({ mode, uid }) => refuseLoose(path, mode, uid, PRIVATE_FILE)),

  async replaceAtomically(path, content, mode = PRIVATE_FILE) {
    const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
    try {
      const file = await open(temporary, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, mode);
      try {
        await file.chmod(mode);
        await file.writeFile(content);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, path);
      await syncDirectory(dirname(path));
    } catch (cause) {
      await rm(temporary, { force: true });
      throw fileError('write', path, cause);
    }
  },

  async append(path, content) {
    try {
      const file = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW, PRIVATE_FILE);
      try {
        await file.writeFile(content);
        await file.datasync();
      } finally {
        await file.close();
      }
    } catch (cause) {
      throw fileError('append to', path, cause);
    }
  },

  async makePrivateDirectory(path) {
    try {
      const first = await mkdir(path, { recursive: true, mode: PRIVATE_DIRECTORY });
      if (first !== undefined) await chmod(path, PRIVATE_DIRECTORY);
    } catch (cause) {
      throw fileError('make', path, cause);
    }
    const { mode, uid } = await stat(path);
    refuseLoose(path, mode, uid, PRIVATE_DIRECTORY);
  },

  async list(path) {
    try {
      return await readdir(path);
    } catch (cause) {
      if (codeOf(cause) === 'ENOENT') return [];
      throw fileError('list', path, cause);
    }
  },

  async remove(path) {
    try {
      await rm(path, { recursive: true, force: true });
    } catch (cause) {
      throw fileError('remove', path, cause);
    }
  },

  async lock(path) {
    await refusePlantedLink(path);
    const { lockFile } = await import('./lock-file.ts'); // node:sqlite is for the few that lock
    return lockFile(path);
  },
};

async function readNoFollow(path: string, check: (found: { mode: number; uid: number }) => void): Promise<Uint8Array | undefined> {
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const found = await file.stat();
      if (!found.isFile()) throw new TunnelError('file.failed', `${path} is not a regular file`, { hint: 'Remove it or name another path.' });
      check(found);
      return await file.readFile();
    } finally {
      await file.close();
    }
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return undefined;
    throw fileError('read', path, cause);
  }
}

function refuseLoose(path: string, mode: number, owner: number, wanted: number): void {
  if (process.platform === 'win32') return; // access there is by ACL, inherited from the profile folder
  if ((mode & OTHERS) !== 0) {
    const found = (mode & 0o777).toString(8).padStart(4, '0');
    const text = wanted.toString(8).padStart(4, '0');
    throw new TunnelError('file.loose-mode', `${path} has mode ${found}, others can reach it`, { hint: `chmod ${text} '${path}'` });
  }
  const self = process.geteuid?.();
  if (self !== undefined && self !== 0 && owner !== self) {
    throw new TunnelError('file.loose-mode', `${path} belongs to another user (uid ${owner})`, { hint: `chown ${self} '${path}'` });
  }
}

async function refusePlantedLink(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found?.isSymbolicLink()) throw new TunnelError('file.failed', `${path} is a symbolic link`, { hint: `rm '${path}'` });
}

async function syncDirectory(path: string): Promise<void> {
  if (process.platform === 'win32') return; // directories cannot be opened there
  const directory = await open(path, constants.O_RDONLY);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

function fileError(verb: string, path: string, cause: unknown): TunnelError {
  if (cause instanceof TunnelError) return cause;
  const code = codeOf(cause);
  const hints: Record<string, string> = {
    ENOSPC: 'Free some space and run the same command again: nothing was changed.',
    EACCES: 'Run as the user who owns it, or choose another folder.',
    EROFS: 'The file system is read-only.',
    ELOOP: 'A symbolic link stands there; remove it.',
    ENOENT: `Make the folder first: ${dirname(path)}`,
  };
  return new TunnelError('file.failed', `cannot ${verb} ${path}: ${code}`, { hint: hints[code], cause });
}

function codeOf(cause: unknown): string {
  return cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
}
