// What a chain's processes have cost: CPU seconds and resident memory, from Linux's /proc, their children included.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

const TICKS_PER_SECOND = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

/** User and system time of the processes and of all that they started, in seconds. */
export function cpuSeconds(pids: readonly number[]): number {
  return sum(withChildren(pids).map((pid) => cpuOf(pid)));
}

/** Memory that belongs to them alone or is shared, counted for each: what `ps` shows. MB. */
export function residentMB(pids: readonly number[]): number {
  return sum(withChildren(pids).map((pid) => residentOf(pid)));
}

export function withChildren(pids: readonly number[]): number[] {
  const found = new Set(pids);
  for (const pid of found) {
    for (const task of readdirSync(`/proc/${pid}/task`)) {
      const children = readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').trim();
      for (const child of children === '' ? [] : children.split(' ')) found.add(Number(child));
    }
  }
  return [...found];
}

function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

function residentOf(pid: number): number {
  const [, kB = '0'] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return (Number(kB) * 1024) / 1e6;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
