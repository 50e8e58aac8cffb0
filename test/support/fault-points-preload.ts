// The process's side of fault-points.ts: puts a point before every write of node's own modules.
import fs from 'node:fs';
import promises from 'node:fs/promises';
import http from 'node:http';
import { syncBuiltinESMExports } from 'node:module';
import { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Fault } from './fault-points.ts';

type Reach = (name: string) => Fault | undefined;
// biome-ignore lint/suspicious/noExplicitAny: functions of any shape are wrapped
type Anything = any;

const WRITING_FLAGS = fs.constants.O_WRONLY | fs.constants.O_RDWR | fs.constants.O_CREAT;
const WRITING_SQL = /^\s*(insert|update|delete|begin|commit|rollback|create|drop|alter|replace)\b/i;

export async function install(reach: Reach): Promise<void> {
  const pass = (name: string, isFile = false): void => {
    const fault = reach(name);
    if (fault === undefined) return;
    if (fault === 'kill' || fault === 'torn') die();
    if (isFile) throw Object.assign(new Error(`${fault}: injected, ${name}`), { code: fault });
  };
  const later = async (point: string, act: () => unknown) => {
    pass(point, true);
    return await act();
  };
  const before = (owner: Anything, method: string, name: (self: Anything, args: unknown[]) => string | undefined) => {
    const act = owner[method];
    owner[method] = function (this: Anything, ...args: unknown[]) {
      const point = name(this, args);
      if (point === undefined) return act.apply(this, args);
      if (owner === promises || owner === handle) return later(point, () => act.apply(this, args));
      pass(point, owner === fs);
      return act.apply(this, args);
    };
  };
  const short = (path: unknown) => String(path).split('/').slice(-2).join('/');
  const writes = (flags: unknown) => (typeof flags === 'number' ? (flags & WRITING_FLAGS) !== 0 : typeof flags === 'string' && flags !== 'r');

  const probe = await promises.open(import.meta.filename);
  const handle = Object.getPrototypeOf(probe);
  await probe.close();

  for (const method of ['mkdir', 'chmod', 'rename', 'link', 'unlink', 'rm']) before(promises, method, (_, [path]) => `${method} ${short(path)}`);
  before(promises, 'open', (_, [path, flags]) => (writes(flags) ? `open ${short(path)}` : undefined));
  for (const method of ['chmod', 'sync', 'datasync']) before(handle, method, () => method);
  const writeFile = handle.writeFile;
  handle.writeFile = async function (this: Anything, content: string | Uint8Array) {
    const fault = reach('write');
    if (fault === 'torn') await writeFile.call(this, content.slice(0, content.length >> 1));
    if (fault === 'kill' || fault === 'torn') die();
    if (fault !== undefined) throw Object.assign(new Error(`${fault}: injected, write`), { code: fault });
    return writeFile.call(this, content);
  };
  for (const method of ['chmodSync', 'renameSync', 'linkSync', 'rmSync', 'mkdirSync']) before(fs, method, (_, [path]) => `${method} ${short(path)}`);
  before(fs, 'openSync', (_, [path, flags]) => (writes(flags) ? `openSync ${short(path)}` : undefined));
  syncBuiltinESMExports();

  const statement = (sql: string) => (WRITING_SQL.test(sql) ? sql.replaceAll('"', '').slice(0, 60) : undefined);
  before(DatabaseSync.prototype, 'exec', (_, [sql]) => statement(String(sql)));
  for (const method of ['run', 'all', 'get']) before(StatementSync.prototype, method, (self) => statement(self.sourceSQL));

  before(http.ServerResponse.prototype, 'end', (self) => {
    self.once('finish', () => pass('answer sent'));
    return 'answer';
  });
  before(http.ClientRequest.prototype, 'end', (self) => {
    self.prependOnceListener('response', () => pass('answer begun'));
    return 'request';
  });
}

/** No thread of this process does anything more. */
function die(): never {
  process.kill(process.pid, 'SIGKILL');
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}
