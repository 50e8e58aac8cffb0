// How much a process grows while something is done to it.
import { residentBytes } from './memory.ts';

const EVERY_MS = 20;

/** The most that `pid` held while `work` ran, above what it held before, in bytes. */
export async function growthDuring(pid: number, work: () => Promise<unknown>): Promise<number> {
  const before = residentBytes(pid);
  let most = before;
  const look = () => {
    most = Math.max(most, residentBytes(pid));
  };
  const timer = setInterval(look, EVERY_MS);
  try {
    await work();
    look();
  } finally {
    clearInterval(timer);
  }
  return most - before;
}
