// A lock between processes that dies with its holder: SQLite's own file lock on an otherwise empty database. Node has no flock.
import { closeSync, constants, fchmodSync, lstatSync, openSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { TunnelError } from '../base/errors.ts';
import { PRIVATE_FILE, refuseShared } from './private.ts';

const BUSY = 5;
const READ_ONLY = 8;

/** Errors `state.locked`, `file.loose-mode`, `file.failed`, and those of the system as they come. */
export function lockFile(path: string): AsyncDisposable {
  judge(path);
  const database = new DatabaseSync(path);
  try {
    database.exec('pragma busy_timeout = 0; pragma journal_mode = memory; begin exclusive');
  } catch (cause) {
    database.close();
    const errcode = cause instanceof Error && 'errcode' in cause && typeof cause.errcode === 'number' ? cause.errcode & 0xff : undefined;
    if (errcode === READ_ONLY) throw new TunnelError('file.failed', `cannot lock ${path}: it is read-only`, { hint: 'The file system is read-only.', cause });
    if (errcode === BUSY) {
      throw new TunnelError('state.locked', `${path} is held by another process`, {
        hint: 'Another tunnel process uses this folder; stop it or wait for it.',
        cause,
      });
    }
    throw new TunnelError('file.failed', `cannot lock ${path}`, { hint: 'It holds nothing: remove it while no tunnel process uses the folder.', cause });
  }
  return {
    async [Symbol.asyncDispose]() {
      if (database.isOpen) database.close();
    },
  };
}

/** SQLite would follow a link, so what stands there is looked at first. Not opened: closing it would end the locks that this process has on it (POSIX). */
function judge(path: string): void {
  try {
    const made = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, PRIVATE_FILE);
    fchmodSync(made, PRIVATE_FILE);
    closeSync(made);
  } catch (cause) {
    if (!(cause instanceof Error && 'code' in cause && cause.code === 'EEXIST')) throw cause;
  }
  refuseShared(path, lstatSync(path));
}
