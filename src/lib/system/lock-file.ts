// A lock between processes that dies with its holder: SQLite's own file lock on an otherwise empty database. Node has no flock.
import { chmodSync, closeSync, openSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { TunnelError } from '../base/errors.ts';

const BUSY = 5;

export function lockFile(path: string): AsyncDisposable {
  closeSync(openSync(path, 'a', 0o600));
  chmodSync(path, 0o600);
  const database = new DatabaseSync(path);
  try {
    database.exec('pragma busy_timeout = 0; pragma journal_mode = memory; begin exclusive');
  } catch (cause) {
    database.close();
    if (cause instanceof Error && 'errcode' in cause && cause.errcode === BUSY) {
      throw new TunnelError('state.locked', `${path} is held by another process`, {
        hint: 'Another tunnel process uses this folder; stop it or wait for it.',
        cause,
      });
    }
    throw new TunnelError('file.failed', `cannot lock ${path}`, { cause });
  }
  return {
    async [Symbol.asyncDispose]() {
      if (database.isOpen) database.close();
    },
  };
}
