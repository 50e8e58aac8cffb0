// How late the event loop of a gateway's control is: preloaded into it, this writes it down; the test reads it.
import { spawn } from 'node:child_process';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { TestContext } from 'node:test';
import { isMainThread } from 'node:worker_threads';

const FOLDER = 'TUNNEL_LOOP_WATCH_FOLDER';
const RESOLUTION_MS = 5;
const WRITTEN_EVERY_MS = 100;

const fileOf = (folder: string, pid: number) => join(folder, `${pid}.late`);

/** The environment of a gateway that shall be watched. */
export function loopWatch(folder: string): NodeJS.ProcessEnv {
  return { NODE_OPTIONS: `--import ${import.meta.url}`, [FOLDER]: folder };
}

/** Calling what it gives later: how late that process was at the most since, in ms. */
export function lateSince(folder: string, pid: number): () => number {
  const written = () =>
    readFileSync(join(folder, `${pid}.late`), 'utf8')
      .trim()
      .split('\n')
      .map(Number);
  const before = written().length;
  return () => Math.max(0, ...written().slice(before));
}

/** A process that does nothing, watched too: as late as it is, this machine makes everybody. */
export function startIdle(t: Pick<TestContext, 'after'>, folder: string): number {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { env: { ...process.env, ...loopWatch(folder) }, stdio: 'ignore' });
  t.after(() => child.kill('SIGKILL'));
  if (child.pid === undefined) throw new Error('no process');
  writeFileSync(fileOf(folder, child.pid), '0\n');
  return child.pid;
}

const folder = process.env[FOLDER];
if (folder !== undefined && isMainThread) {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  const write = () => {
    appendFileSync(fileOf(folder, process.pid), `${Math.max(0, Math.round(delay.max / 1e6) - RESOLUTION_MS)}\n`);
    delay.reset();
  };
  setInterval(write, WRITTEN_EVERY_MS).unref();
}
