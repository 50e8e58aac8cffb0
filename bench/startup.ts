// `node bench/startup.ts`: how long commands take to start beside a bare Node, and `connect` from a cold start to the first byte of its target, with the share of each phase. Fails above the bounds of issue 7.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { bin, startGatewayAndAgent } from './chains/tunnel.ts';
import { forkListener } from './process.ts';

const FIRST_BYTE_MS = 400;
/** Above 1.5 times of a bare Node. */
const ABOVE_NODE_MS = 100;
/** Preloaded into `connect`: when it begins to load, makes a connection of its own, says that it is ready. No file and no TypeScript: that would take 40 ms. */
const MARKS = `data:text/javascript,${encodeURIComponent(`
import { subscribe } from 'node:diagnostics_channel';
const mark = (what) => process.stderr.write('mark ' + what + ' ' + (performance.timeOrigin + performance.now()) + '\\n');
mark('loading');
subscribe('net.client.socket', () => mark('socket'));
const write = process.stdout.write.bind(process.stdout);
process.stdout.write = (...args) => {
  if (String(args[0]).includes('"ready"')) mark('ready');
  return write(...args);
};
`)}`;

const { values: options } = parseArgs({ options: { rounds: { type: 'string', default: '15' } } });
const rounds = Number(options.rounds);
const median = (values: readonly number[]) => [...values].sort((one, other) => one - other)[Math.floor(values.length / 2)] ?? Number.NaN;

const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  'node -e 0': ['-e', '0'],
  'tunnel --version': [bin, '--version'],
  'tunnel --help': [bin, '--help'],
  'tunnel connect --help': [bin, 'connect', '--help'],
};
const took = new Map<string, number[]>(Object.keys(COMMANDS).map((name) => [name, []]));
for (let round = 0; round < rounds; round++) {
  for (const [name, args] of Object.entries(COMMANDS)) {
    const began = performance.now();
    spawnSync(process.execPath, args, { stdio: 'ignore' });
    took.get(name)?.push(performance.now() - began);
  }
}
const bare = median(took.get('node -e 0') ?? []);
for (const [name, values] of took) console.log(`${name}: ${median(values).toFixed(0)} ms`);
for (const name of ['tunnel --version', 'tunnel --help']) {
  if (median(took.get(name) ?? []) > 1.5 * bare + ABOVE_NODE_MS) fail(`${name} takes more than 1.5 times of node -e 0 and ${ABOVE_NODE_MS} ms`);
}

/** In ms, in their order. */
interface Phases {
  readonly 'node starts': number;
  readonly 'program loads, reads the login, binds': number;
  readonly 'the gateway opens a session': number;
  readonly 'the edge is dialled, the session attached': number;
  readonly 'a client connects, first byte of the target': number;
}

await using all = new AsyncDisposableStack();
const target = await forkListener(new URL('./target.ts', import.meta.url), [], all);
const { operator } = await startGatewayAndAgent('quic', all);
const runs: Phases[] = [];
for (let round = 0; round < rounds; round++) runs.push(await coldStart());
const phases = Object.keys(runs[0] ?? {}) as (keyof Phases)[];
const totalOf = (run: Phases) => phases.reduce((sum, phase) => sum + run[phase], 0);
const total = median(runs.map(totalOf));
const typical = runs.find((run) => totalOf(run) === total);
console.log(`connect, cold, to the first byte: ${total.toFixed(0)} ms, at most ${Math.max(...runs.map(totalOf)).toFixed(0)}; of the run in the middle:`);
for (const phase of phases) {
  const ms = typical?.[phase] ?? Number.NaN;
  console.log(`  ${phase}: ${ms.toFixed(0)} ms, ${((100 * ms) / total).toFixed(0)} %`);
}
console.log(`Medians of ${rounds}.`);
if (total > FIRST_BYTE_MS) fail(`connect takes more than ${FIRST_BYTE_MS} ms to its first byte`);

async function coldStart(): Promise<Phases> {
  const spawned = performance.timeOrigin + performance.now();
  const args = ['--import', MARKS, bin, 'connect', `127.0.0.1:${target.said}`, '--config-dir', operator, '--json'];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const marks: Record<string, number[]> = {};
  const marked = (async () => {
    for await (const line of createInterface({ input: child.stderr })) {
      const [, what = '', at = ''] = /^mark (\w+) ([\d.]+)$/.exec(line) ?? [];
      marks[what] = [...(marks[what] ?? []), Number(at)];
    }
  })();
  for await (const line of createInterface({ input: child.stdout })) {
    const { listen } = JSON.parse(line) as { listen?: string };
    if (listen === undefined) continue;
    const socket = connect(Number(listen.split(':').at(-1)), '127.0.0.1').end('e0000?');
    await once(socket, 'data');
    socket.on('error', () => {}); // it is cut with the command
    break;
  }
  const heard = performance.timeOrigin + performance.now();
  child.kill('SIGTERM');
  await marked;
  const [began = 0, first = 0, second = 0, ready = 0] = [marks['loading']?.[0], marks['socket']?.[0], marks['socket']?.[1], marks['ready']?.[0]];
  return {
    'node starts': began - spawned,
    'program loads, reads the login, binds': first - began,
    'the gateway opens a session': second - first,
    'the edge is dialled, the session attached': ready - second,
    'a client connects, first byte of the target': heard - ready,
  };
}

function fail(why: string): void {
  console.error(why);
  process.exitCode = 1;
}
