// `node bench/idle-agents.ts [--agents 1000] [--seconds 60] [--only quic] [--sources 250]`, after a build: what idle agents cost a gateway, how soon they are there, and how soon they are back after it was killed or stopped.
import { type ChildProcess, execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type ApiClient, apiClient } from '../src/lib/api/client.ts';
import { localExchange } from '../src/lib/api/exchange-local.ts';
import { realWorld } from '../src/lib/system/real-world.ts';
import type { Order } from './agents.ts';
import { probeHeartbeats } from './heartbeats.ts';
import { spawnUntil } from './process.ts';
import { cpuSeconds, residentMB } from './usage.ts';

const { values: options } = parseArgs({
  options: {
    agents: { type: 'string', default: '1000' },
    seconds: { type: 'string', default: '60' },
    only: { type: 'string' },
    sources: { type: 'string', default: '1' },
  },
});
const count = Number(options.agents);
const seconds = Number(options.seconds);
const PROCESSES = 2;
const LOOK_MS = 100;
const GIVE_UP_MS = 300_000;

/** Loopback addresses that QUIC links come from; 1: as behind one NAT. */
const sources = options.sources === '1' ? [] : Array.from({ length: Number(options.sources) }, (_, index) => `127.0.1.${index + 1}`);

const bin = fileURLToPath(new URL('../bin/run.js', import.meta.url));
const world = realWorld({ level: 'silent' });
const never = new AbortController().signal;

const rows: string[] = [];
for (const transport of ['quic', 'tls'] as const) if (options.only === undefined || options.only === transport) rows.push(await measure(transport));
console.log(
  [
    `| ${count} agents over | until all are online | edge, for each agent | control, for each agent | CPU of edge, control at rest | heartbeat p50, worst | back after kill -9: half, all | after SIGTERM: half, all |`,
    '| --- | --- | --- | --- | --- | --- | --- | --- |',
    ...rows,
  ].join('\n'),
);

async function measure(transport: 'quic' | 'tls'): Promise<string> {
  await using all = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), 'bench-agents-'));
  all.defer(() => rmSync(folder, { recursive: true, force: true }));
  const dataDir = join(folder, 'gw');
  execFileSync(process.execPath, [bin, 'ca', 'init', '--data-dir', dataDir], { stdio: 'ignore' });
  let { pid } = await startGateway(dataDir, all, '--listen', '127.0.0.1:0');
  const api = apiClient(localExchange(join(dataDir, 'control.sock'), world));

  const groups = await Promise.all(Array.from({ length: PROCESSES }, (_, index) => enrolled(api, folder, index, all)));
  const probe = all.use(await probeHeartbeats(await mint(api, 'probe'), folder, transport, world));
  say(`${transport}: ${count} agents enrolled`);
  const edge = await edgeOf(api);
  await world.clock.sleep(3000, never);
  const before = { edge: residentMB([edge]), control: residentMB([pid]) - residentMB([edge]) };

  const starting = performance.now();
  const started = Promise.all(groups.map((group) => order(group, { do: 'start', transport, sources })));
  const first = await untilOnline(api, count);
  await started;
  say(`${transport}: online, half after ${s(first.half - starting)}, all after ${s(first.all - starting)}`);

  await world.clock.sleep(10_000, never);
  probe.forget();
  const cpu = { edge: cpuSeconds([edge]), both: cpuSeconds([pid]) };
  await world.clock.sleep(seconds * 1000, never);
  const edgeCpu = cpuSeconds([edge]) - cpu.edge;
  const controlCpu = cpuSeconds([pid]) - cpu.both - edgeCpu;
  const after = { edge: residentMB([edge]), control: residentMB([pid]) - residentMB([edge]) };
  const heartbeat = probe.figures();
  say(`${transport}: edge ${before.edge.toFixed(0)} -> ${after.edge.toFixed(0)} MB, control ${before.control.toFixed(0)} -> ${after.control.toFixed(0)} MB`);
  await probe[Symbol.asyncDispose]();

  const outages: string[] = [];
  for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
    process.kill(pid, signal);
    const began = performance.now();
    if (signal === 'SIGTERM') await gone(pid);
    ({ pid } = await startGateway(dataDir, all));
    const ready = performance.now();
    const { half, all: last } = await untilOnline(api, count);
    outages.push(`${s(half - ready)}, ${s(last - ready)}`);
    say(`${transport}: ${signal}: serving again after ${s(ready - began)}, then half of the agents after ${s(half - ready)}, all after ${s(last - ready)}`);
    await world.clock.sleep(5000, never);
  }
  const each = (key: 'edge' | 'control') => `${(((after[key] - before[key]) * 1000) / count).toFixed(0)} kB`;
  const share = (cpuSeconds: number) => `${((100 * cpuSeconds) / seconds).toFixed(1)} %`;
  const cells = [
    transport.toUpperCase(),
    s(first.all - starting),
    each('edge'),
    each('control'),
    `${share(edgeCpu)}, ${share(controlCpu)}`,
    `${heartbeat.p50Ms.toFixed(1)} ms, ${heartbeat.worstMs.toFixed(0)} ms`,
    ...outages,
  ];
  return `| ${cells.join(' | ')} |`;
}

async function startGateway(dataDir: string, stack: AsyncDisposableStack, ...flags: string[]) {
  const quiet = ['-c', 'exec "$@" 2>/dev/null', 'sh']; // it logs each link
  return await spawnUntil(
    'sh',
    [...quiet, process.execPath, bin, 'gateway', 'start', '--data-dir', dataDir, '--json', ...flags],
    'stdout',
    (line) => line.includes('"ready"') || undefined,
    stack,
  );
}

/** A process with its share of agents, which have their certificates and do not run yet. */
async function enrolled(api: ApiClient, folder: string, index: number, stack: AsyncDisposableStack): Promise<ChildProcess> {
  const share = Math.floor(count / PROCESSES) + (index < count % PROCESSES ? 1 : 0);
  const tokens: string[] = [];
  for (let agent = 0; agent < share; agent++) tokens.push(await mint(api, `bench-${index}-${agent}`));
  const child = fork(new URL('./agents.ts', import.meta.url), { stdio: 'inherit' });
  stack.defer(() => void child.kill('SIGKILL'));
  await order(child, { do: 'enrol', folder: join(folder, `process-${index}`), tokens });
  return child;
}

async function mint(api: ApiClient, name: string): Promise<string> {
  return (await api.mintToken({ kind: 'agent', name, routes: ['192.0.2.0/24'], expires_ms: 3_600_000, replace: false }, never)).token;
}

async function order(child: ChildProcess, what: Order): Promise<void> {
  const done = once(child, 'message');
  child.send(what);
  await done;
}

async function edgeOf(api: ApiClient): Promise<number> {
  const { edge } = await api.status(never);
  if (!edge?.pid) throw new Error('the gateway has no edge');
  return edge.pid;
}

/** When half of them, and when all, were online. */
async function untilOnline(api: ApiClient, wanted: number): Promise<{ half: number; all: number }> {
  const began = performance.now();
  let half: number | undefined;
  for (;;) {
    const { agents_online } = await api.status(never);
    const now = performance.now();
    if (agents_online >= wanted / 2) half ??= now;
    if (agents_online >= wanted) return { half: half ?? now, all: now };
    if (now - began > GIVE_UP_MS) throw new Error(`${agents_online} of ${wanted} are online after ${s(GIVE_UP_MS)}`);
    await world.clock.sleep(LOOK_MS, never);
  }
}

async function gone(pid: number): Promise<void> {
  for (;;) {
    try {
      readFileSync(`/proc/${pid}/status`);
    } catch {
      return;
    }
    await world.clock.sleep(20, never);
  }
}

function s(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

function say(text: string): void {
  console.error(text);
}
