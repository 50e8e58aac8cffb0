// Fault points: preloaded into a process of ours, this stops it at the nth thing that it writes. Nothing in the product knows of it, so no write can be forgotten.
import { appendFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const FOLDER = 'TUNNEL_FAULT_FOLDER';

/** `kill`: as kill -9, before the write; `torn`: the same in the middle of it, where it writes a file; else the errno that a change of a file fails with. */
export type Fault = 'kill' | 'torn' | 'ENOSPC' | 'EACCES';

export interface FaultPoints {
  /** Of the process that shall fail; its edge and other children are spared. */
  readonly env: NodeJS.ProcessEnv;
  /** From now on points are counted, and at the nth, from 1, it happens. Without `at` they are only counted. */
  arm(at?: number, fault?: Fault): void;
  disarm(): void;
  /** The points since `arm`, in order. */
  seen(): string[];
}

/** A point is: each change of a file (open, chmod, write, fsync, rename, remove, mkdir), each statement of the store that writes and its commit, each HTTP request and answer, before and after. */
export function faultPoints(folder: string): FaultPoints {
  mkdirSync(folder, { recursive: true });
  const [armed, seen] = [join(folder, 'armed'), join(folder, 'seen')];
  return {
    env: { NODE_OPTIONS: `--import ${import.meta.url}`, [FOLDER]: folder },
    arm(at = 0, fault = 'kill') {
      rmSync(armed, { force: true });
      writeFileSync(seen, '');
      writeFileSync(armed, `${at} ${fault}`);
    },
    disarm: () => rmSync(armed, { force: true }),
    seen: () => linesOf(readFileSync(seen, 'utf8')),
  };
}

function linesOf(text: string): string[] {
  return text.split('\n').slice(0, -1);
}

const folder = process.env[FOLDER];
if (folder !== undefined) {
  const { install } = await import('./fault-points-preload.ts');
  const original = { readFileSync, appendFileSync };
  /** What happens here, if anything. */
  const reach = (name: string): Fault | undefined => {
    let armed: string;
    try {
      armed = original.readFileSync(join(folder, 'armed'), 'utf8');
    } catch {
      return undefined; // not armed
    }
    original.appendFileSync(join(folder, 'seen'), `${name}\n`);
    const [at = '', fault = ''] = armed.split(' ');
    return linesOf(original.readFileSync(join(folder, 'seen'), 'utf8')).length === Number(at) ? (fault as Fault) : undefined;
  };
  await install(reach);
}
