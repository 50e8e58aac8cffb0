// What a process holds now, as the kernel counts it.
import { readFileSync } from 'node:fs';

/** Resident bytes of a process that is running (Linux). */
export function residentBytes(pid: number): number {
  const [, kib = '0'] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kib) * 1024;
}
