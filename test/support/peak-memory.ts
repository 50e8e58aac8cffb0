// The most memory that a program of the CLI held: preloaded into it, this writes it down at its end; the test reads it.
import { readFileSync, writeFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

const FILE = 'TUNNEL_PEAK_MEMORY_FILE';

/** The environment of a program that shall be watched. */
export function peakMemory(file: string): NodeJS.ProcessEnv {
  return { NODE_OPTIONS: `--import ${import.meta.url}`, [FILE]: file };
}

/** Resident, in MiB, of the last program that ended. */
export function peakMiB(file: string): number {
  return Number(readFileSync(file, 'utf8'));
}

const file = process.env[FILE];
if (file !== undefined && isMainThread) process.once('exit', () => writeFileSync(file, String(Math.round(process.resourceUsage().maxRSS / 1024))));
