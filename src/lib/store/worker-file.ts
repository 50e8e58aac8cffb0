// How the file of the store comes to be and is opened, for the worker: private, durable, never empty in place of a damaged one.

import { randomBytes } from 'node:crypto';
import { accessSync, closeSync, constants, fchmodSync, fsyncSync, linkSync, lstatSync, openSync, rmSync, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

const READ_ONLY = 8;
const CORRUPT = 11;
const FULL = 13;
const CANNOT_OPEN = 14;
/** "tunl"; tells our file from any other SQLite file. */
const APPLICATION_ID = 0x74756e6c;
/** Of a write-ahead log and its shared memory when they begin. */
const ROOM_BYTES = 128 * 1024;

/** Opens the file, making it where none is. Errors carry SQLite's `errcode`. Its mode and owner are judged by whoever holds the folder. */
export function openDatabase(path: string, waitMs: number): DatabaseSync {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) createDatabase(path);
  else if (!found.isFile()) throw sqliteError('not a regular file', CANNOT_OPEN);
  else if (found.size === 0) throw sqliteError('the file is empty', CORRUPT);

  const logged = lstatSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
  const database = new DatabaseSync(path, { timeout: waitMs, enableForeignKeyConstraints: true });
  try {
    if (database.prepare('pragma application_id').get()?.['application_id'] !== APPLICATION_ID) throw sqliteError('it is not a store of tunnel', CORRUPT);
    database.exec('pragma journal_mode = wal; pragma synchronous = full; pragma recursive_triggers = on; pragma trusted_schema = off');
    if (found !== undefined && logged === 0 && found.size < bytesOf(database)) throw sqliteError('it was cut short', CORRUPT);
    const verdict = database.prepare('pragma quick_check(1)').get()?.['quick_check'];
    if (verdict !== 'ok') throw sqliteError(String(verdict), CORRUPT);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** What its header says; with a write-ahead log the file may lag behind. SQLite itself reads zeros where the last page is cut. */
function bytesOf(database: DatabaseSync): number {
  const [count, size] = ['page_count', 'page_size'].map((name) => Number(database.prepare(`pragma ${name}`).get()?.[name]));
  return (count ?? 0) * (size ?? 0);
}

/** Complete before it has its name, so that an empty file at the name is always damage. Two at once: the first one counts. */
function createDatabase(path: string): void {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  const made = openSync(temporary, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600);
  try {
    fchmodSync(made, 0o600); // whatever the umask; SQLite gives -wal and -shm the mode of the file itself
    closeSync(made);
    const database = new DatabaseSync(temporary);
    database.exec(`pragma journal_mode = wal; pragma synchronous = full; pragma application_id = ${APPLICATION_ID}`);
    database.close();
    linkSync(temporary, path);
    syncDirectory(dirname(path));
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  } finally {
    rmSync(temporary, { force: true });
  }
}

function syncDirectory(path: string): void {
  if (process.platform === 'win32') return; // directories cannot be opened there
  const directory = openSync(path, constants.O_RDONLY);
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

/** SQLite has few words for failures of a disk: the `errcode` that says why, where no room is left or nothing may be written. */
export function diskErrcode(path: string, errcode: number): number {
  try {
    accessSync(dirname(path), constants.W_OK);
  } catch {
    return READ_ONLY;
  }
  const { bavail, bsize } = statfsSync(dirname(path));
  return bavail * bsize < ROOM_BYTES ? FULL : errcode;
}

function sqliteError(message: string, errcode: number): Error {
  return Object.assign(new Error(message), { errcode });
}
