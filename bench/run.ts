// `npm run bench`: every chain in one run on this machine, interleaved; prints medians and the ratio of each to the baseline.
import { parseArgs } from 'node:util';
import { openssh } from './chains/openssh.ts';
import { plainTls } from './chains/plain-tls.ts';
import { tunnel } from './chains/tunnel.ts';
import { type Figures, measure } from './measure.ts';
import { forkListener } from './process.ts';

export interface Chain {
  readonly name: string;
  /** Why it cannot run here. */
  readonly missing?: string | undefined;
  /** Resolves with the local port that leads to the target; everything it starts goes on `stack`. */
  start(targetPort: number, stack: AsyncDisposableStack): Promise<number>;
}

const { values: options } = parseArgs({
  options: { rounds: { type: 'string', default: '3' }, mib: { type: 'string', default: '128' }, json: { type: 'boolean', default: false } },
});
const rounds = Number(options.rounds);
const mib = Number(options.mib);

const COLUMNS: readonly (readonly [key: keyof Figures, title: string])[] = [
  ['downMBps', 'down MB/s'],
  ['upMBps', 'up MB/s'],
  ['down16MBps', '16 streams'],
  ['roundTripP50us', 'rtt p50 us'],
  ['roundTripP99us', 'rtt p99 us'],
  ['connectionsPerSecond', 'conn/s'],
  ['connectionsPerSecond16', 'conn/s x16'],
];

await using all = new AsyncDisposableStack();
const targetPort = await forkListener(new URL('./target.ts', import.meta.url), [], all);
const chains = [plainTls, tunnel, openssh].filter((chain) => {
  if (chain.missing !== undefined) console.error(`skipped: ${chain.name}: ${chain.missing}`);
  return chain.missing === undefined;
});
const ports = new Map<Chain, number>();
for (const chain of chains) ports.set(chain, await chain.start(targetPort, all));

const results = new Map<Chain, Figures[]>(chains.map((chain) => [chain, []]));
for (let round = 1; round <= rounds; round++) {
  for (const chain of chains) {
    console.error(`round ${round} of ${rounds}: ${chain.name}`);
    results.get(chain)?.push(await measure(ports.get(chain) ?? 0, mib));
  }
}

const medians = chains.map((chain) => ({ name: chain.name, figures: medianOf(results.get(chain) ?? []) }));
if (options.json) console.log(JSON.stringify({ mib, rounds, chains: medians }));
else print(medians);

function medianOf(runs: readonly Figures[]): Figures {
  const middle = (key: keyof Figures) => runs.map((run) => run[key]).sort((a, b) => a - b)[Math.floor(runs.length / 2)] ?? Number.NaN;
  return Object.fromEntries(COLUMNS.map(([key]) => [key, middle(key)])) as unknown as Figures;
}

function print(rows: readonly { name: string; figures: Figures }[]): void {
  const baseline = rows[0]?.figures;
  console.log(`| chain | ${COLUMNS.map(([, title]) => title).join(' | ')} |`);
  console.log(`| --- | ${COLUMNS.map(() => '---').join(' | ')} |`);
  for (const { name, figures } of rows) {
    const cells = COLUMNS.map(([key]) => `${figures[key].toFixed(0)} (${baseline === undefined ? '' : (figures[key] / baseline[key]).toFixed(2)})`);
    console.log(`| ${name} | ${cells.join(' | ')} |`);
  }
  console.log(`\nMedians of ${rounds} interleaved rounds, ${mib} MiB a stream; in brackets the ratio to the first row.`);
}
