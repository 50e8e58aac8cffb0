// Files of the operating system: private by default, replaced atomically, locked across processes; no link is followed, and what others could reach is refused.
import { createHash, randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { chmod, type FileHandle, lstat, mkdir, open, readdir, rename, rm, statfs } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { TunnelError } from '../base/errors.ts';
import type { Files } from '../base/world.ts';
import { PRIVATE_DIRECTORY, PRIVATE_FILE, refuseForeign, refuseLink, refuseShared } from './private.ts';

/** What stands beside `path` while it is written, and what SQLite lays beside such a file. */
const temporaryOf = (path: string) => `${path}.${randomBytes(6).toString('hex')}.tmp`;
const TEMPORARY = /\.[0-9a-f]{12}\.tmp(-journal|-wal|-shm)?$/;

export const realFiles: Files = {
  read: (path) => openNoFollow(path, () => {}, readWhole),
  readSecret: (path) => openNoFollow(path, (found) => refuseForeign(path, found, PRIVATE_FILE), readWhole),
  digestSecret: (path) => openNoFollow(path, (found) => refuseForeign(path, found, PRIVATE_FILE), digest),

  async judgePrivate(path) {
    const found = await look(path);
    if (found !== undefined) refuseShared(path, found);
  },

  async replaceAtomically(path, content, mode = PRIVATE_FILE) {
    const temporary = temporaryOf(path);
    try {
      const before = await look(path);
      if (before !== undefined) refuseLink(path, before);
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
      await rm(temporary, { force: true }).catch(() => {}); // the cause says more
      throw fileError('write', path, cause);
    }
  },

  async append(path, content) {
    try {
      const file = await openOrMake(path);
      try {
        refuseShared(path, await file.stat());
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
      // On a read-only disk `recursive` says ENOENT; the plain call says why.
      const why =
        codeOf(cause) === 'ENOENT'
          ? await mkdir(path).then(
              () => cause,
              (plain: unknown) => plain,
            )
          : cause;
      throw fileError('make', path, why);
    }
    const found = await lstat(resolve(path)); // without a slash at its end, which would follow a link
    if (found.isSymbolicLink()) throw new TunnelError('file.failed', `${path} is a symbolic link`, { hint: 'Name the folder that it leads to.' });
    if (!found.isDirectory()) throw new TunnelError('file.failed', `${path} is not a folder`, { hint: 'Remove it or name another path.' });
    refuseForeign(path, found, PRIVATE_DIRECTORY);
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

  async removeTemporaries(directory) {
    for (const name of await this.list(directory)) if (TEMPORARY.test(name)) await this.remove(join(directory, name));
  },

  async freeBytes(directory) {
    try {
      const { bavail, bsize } = await statfs(directory);
      return bavail * bsize;
    } catch (cause) {
      throw fileError('look at', directory, cause);
    }
  },

  async lock(path) {
    const { lockFile } = await import('./lock-file.ts'); // node:sqlite is for the few that lock
    try {
      return lockFile(path);
    } catch (cause) {
      throw fileError('lock', path, cause);
    }
  },
};

/** For root, who reads what a user's own service will read. */
export function filesOf(owner: number): Files {
  return { ...realFiles, readSecret: (path) => openNoFollow(path, (found) => refuseForeign(path, found, PRIVATE_FILE, owner), readWhole) };
}

type Check = (found: { mode: number; uid: number }) => void;

async function openNoFollow<T>(path: string, check: Check, use: (file: FileHandle) => Promise<T>): Promise<T | undefined> {
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const found = await file.stat();
      refuseLink(path, found);
      check(found);
      return await use(file);
    } finally {
      await file.close();
    }
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return undefined;
    throw fileError('read', path, cause);
  }
}

function readWhole(file: FileHandle): Promise<Uint8Array> {
  return file.readFile();
}

async function digest(file: FileHandle): Promise<string> {
  const hash = createHash('sha256');
  for await (const part of file.createReadStream({ autoClose: false })) hash.update(part);
  return hash.digest('hex');
}

async function look(path: string) {
  return await lstat(path).catch((cause: unknown) => {
    if (codeOf(cause) === 'ENOENT') return undefined;
    throw fileError('read', path, cause);
  });
}

async function openOrMake(path: string): Promise<FileHandle> {
  const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  try {
    const made = await open(path, flags | constants.O_CREAT | constants.O_EXCL, PRIVATE_FILE);
    await made.chmod(PRIVATE_FILE);
    return made;
  } catch (cause) {
    if (codeOf(cause) !== 'EEXIST') throw cause;
    return await open(path, flags);
  }
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
    EDQUOT: 'Free some space and run the same command again: nothing was changed.',
    EACCES: 'Run as the user who owns it, or choose another folder.',
    EROFS: 'The file system is read-only.',
    ELOOP: 'A symbolic link stands there; remove it.',
    ENOENT: `Make the folder first: ${dirname(path)}`,
    ENOTDIR: `A file stands where a folder must be: ${dirname(path)}`,
  };
  return new TunnelError('file.failed', `cannot ${verb} ${path}: ${code}`, { hint: hints[code], cause });
}

function codeOf(cause: unknown): string {
  return cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
}
