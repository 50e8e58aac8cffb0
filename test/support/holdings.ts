// What processes hold over time, resident memory and descriptors, and whether it grows (Linux).
import { readdirSync } from 'node:fs';
import { residentBytes } from './memory.ts';

export interface Holding {
  readonly bytes: number;
  readonly descriptors: number;
}

export interface Trend {
  readonly name: string;
  /** Medians of the first and of the last third. */
  readonly first: Holding;
  readonly last: Holding;
}

export class Holdings {
  readonly #pids: Readonly<Record<string, number>>;
  readonly #samples = new Map<string, Holding[]>();

  constructor(pids: Readonly<Record<string, number>>) {
    this.#pids = pids;
  }

  sample(): void {
    for (const [name, pid] of Object.entries(this.#pids)) {
      const before = this.#samples.get(name) ?? [];
      this.#samples.set(name, [...before, { bytes: residentBytes(pid), descriptors: readdirSync(`/proc/${pid}/fd`).length }]);
    }
  }

  trends(): Trend[] {
    return [...this.#samples].map(([name, samples]) => {
      const third = Math.ceil(samples.length / 3);
      return { name, first: medians(samples.slice(0, third)), last: medians(samples.slice(-third)) };
    });
  }
}

export function describeTrend({ name, first, last }: Trend): string {
  const mib = (bytes: number) => (bytes / 1024 / 1024).toFixed(1);
  return `${name}: ${mib(first.bytes)} -> ${mib(last.bytes)} MiB, ${first.descriptors} -> ${last.descriptors} descriptors`;
}

function medians(samples: readonly Holding[]): Holding {
  return { bytes: median(samples.map(({ bytes }) => bytes)), descriptors: median(samples.map(({ descriptors }) => descriptors)) };
}

function median(values: number[]): number {
  return values.sort((one, other) => one - other)[Math.floor(values.length / 2)] ?? 0;
}
