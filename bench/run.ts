// `npm run bench`: every chain in one run on this machine, interleaved; prints medians and the ratio of each to the baseline.
import { parseArgs } from 'node:util';
import { openssh } from './chains/openssh.ts';
import { plainTls } from './chains/plain-tls.ts';
import { tunnelOverQuic, tunnelOverTls } from './chains/tunnel.ts';
import { type Figures, measure } from './measure.ts';
import { forkListener } from './process.ts';
import { residentMB, withChildren } from './usage.ts';

export interface Chain {
  readonly name: string;
  /** Why it cannot run here. */
  readonly missing?: string | undefined;
  /** Everything it starts goes on `stack`. */
  start(targetPort: number, stack: AsyncDisposableStack): Promise<RunningChain>;
}

export interface RunningChain {
  /** Leads to the target. */
  readonly port: number;
  readonly pids: readonly number[];
}

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    mib: { type: 'string', default: '128' },
    only: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
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
  ['cpuSecondsPerGB', 'CPU s/GB'],
  ['idle1000MB', '1000 idle MB'],
];

await using all = new AsyncDisposableStack();
const target = await forkListener(new URL('./target.ts', import.meta.url), [], all);
const chains = [plainTls, tunnelOverTls, tunnelOverQuic, openssh].filter((chain) => {
  if (chain.missing !== undefined) console.error(`skipped: ${chain.name}: ${chain.missing}`);
  return chain.missing === undefined && (options.only === undefined || chain === plainTls || chain.name.includes(options.only));
});
const running = new Map<Chain, RunningChain>();
for (const chain of chains) running.set(chain, await chain.start(target.said, all));
for (const [{ name }, { pids }] of running) {
  const each = pids.map((pid) => `${residentMB([pid]).toFixed(0)} (${withChildren([pid]).length} processes)`);
  console.error(`at rest, MB: ${name}: ${each.join(', ')}`);
}

const results = new Map<Chain, Figures[]>(chains.map((chain) => [chain, []]));
for (let round = 1; round <= rounds; round++) {
  for (const chain of chains) {
    console.error(`round ${round} of ${rounds}: ${chain.name}`);
    const { port, pids } = running.get(chain) ?? { port: 0, pids: [] };
    results.get(chain)?.push(await measure(port, pids, mib));
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
    const cells = COLUMNS.map(
      ([key]) => `${figures[key].toFixed(figures[key] < 20 ? 2 : 0)} (${baseline === undefined ? '' : (figures[key] / baseline[key]).toFixed(2)})`,
    );
    console.log(`| ${name} | ${cells.join(' | ')} |`);
  }
  console.log(`\nMedians of ${rounds} interleaved rounds, ${mib} MiB a stream; in brackets the ratio to the first row.`);
}
