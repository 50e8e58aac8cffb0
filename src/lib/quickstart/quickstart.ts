// The main job on one machine, every part real: CA, gateway, agent enrolled by a one-time string, operator, and an answer through them all.
import { mkdtemp } from 'node:fs/promises';
import { request } from 'node:http';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { enrol } from '../agent/enrol.ts';
import { startAgent } from '../agent/start.ts';
import { parseDuration } from '../base/duration.ts';
import type { World } from '../base/world.ts';
import { initCa } from '../gateway/data-folder.ts';
import { openGateway } from '../gateway/open.ts';
import { startGateway } from '../gateway/start.ts';
import { connectPorts } from '../operator/connect.ts';
import { planForwards } from '../operator/forward/plan.ts';
import { login } from '../operator/login.ts';
import { startDemoTarget } from './demo-target.ts';

const NAME = 'quickstart';
const DEADLINE_MS = parseDuration('30s');

/** As `--json` prints it. */
export interface QuickstartResult {
  readonly answer: string;
  /** From nothing to the answer. */
  readonly milliseconds: number;
  /** Of these, from the request to the last byte of the answer. */
  readonly request_milliseconds: number;
  readonly target: string;
  readonly listen: string;
  readonly gateway: string;
  readonly agent: string;
  readonly transport: string;
  /** Gone when quickstart is over. */
  readonly data_dir: string;
  readonly next: readonly string[];
}

export interface Quickstart extends AsyncDisposable {
  readonly result: QuickstartResult;
}

/** Everything runs until it is disposed; then no process and no file is left. Errors: those of each part, `timeout` after 30 s. */
export async function quickstart({ keep }: { keep: boolean }, outside: World, interrupted: AbortSignal): Promise<Quickstart> {
  // All of it is on this machine: no proxy, whatever the environment says.
  const world: World = { ...outside, net: { ...outside.net, environment: {} } };
  const began = world.clock.monotonic();
  const late = new AbortController();
  using _deadline = world.clock.after(DEADLINE_MS, () => late.abort(new Error(`quickstart took more than ${DEADLINE_MS / 1000} s`)));
  const signal = AbortSignal.any([interrupted, late.signal]);

  await using starting = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'tunnel-quickstart-'));
  starting.defer(() => world.files.remove(folder));
  const [gatewayDir, agentDir, operatorDir] = ['gateway', 'agent', 'operator'].map((role) => join(folder, role)) as [string, string, string];

  const { target } = starting.use(await startDemoTarget(world));
  await initCa(gatewayDir, world);
  const gateway = starting.use(await startGateway({ dataDir: gatewayDir, listen: '127.0.0.1:0' }, world));
  const strings = await mintBoth(gatewayDir, target, world, signal);

  await enrol({ dataDir: agentDir, enrolmentString: strings.agent, verify: false, os: process.platform, hostname: hostname() }, world, signal);
  const agent = starting.use(await startAgent({ dataDir: agentDir }, world));
  const { transport } = await agent.online(signal);

  await login({ token: strings.operator, configDir: operatorDir, waitMs: 0 }, world, signal);
  const plan = planForwards({ targets: [target], local: [], socks: [], http: [], listen: undefined, alternates: [], single: undefined });
  const forwards = starting.use(
    await connectPorts({ ...plan, configDir: operatorDir, agent: undefined, waitMs: 0, keepAlive: true, onFailure: () => {} }, world, signal),
  );
  const listen = forwards.ready[0]?.listen ?? '';

  const asked = world.clock.monotonic();
  const answer = await fetchText(`http://${listen}/`, signal);
  const answered = world.clock.monotonic();

  const running = starting.move();
  const result: QuickstartResult = {
    answer: answer.trim(),
    milliseconds: Math.round(answered - began),
    request_milliseconds: Math.round(answered - asked),
    target,
    listen,
    gateway: gateway.url,
    agent: NAME,
    transport,
    data_dir: folder,
    next: keep ? whileItRuns({ listen, target, gatewayDir, operatorDir }) : FOR_REAL,
  };
  return { result, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

const FOR_REAL = [
  'tunnel quickstart --keep',
  'tunnel ca init --data-dir gw',
  'tunnel gateway start --data-dir gw --listen 0.0.0.0:8443 --public-url https://GATEWAY:8443',
  'tunnel token mint --data-dir gw --kind agent --name web1 --routes 10.0.0.0/24 --out web1.token',
  'man tunnel',
] as const;

function whileItRuns({ listen, target, gatewayDir, operatorDir }: { listen: string; target: string; gatewayDir: string; operatorDir: string }): string[] {
  return [
    `curl http://${listen}/`,
    `tunnel agent list --data-dir ${gatewayDir}`,
    `tunnel route resolve ${target} --config-dir ${operatorDir}`,
    `tunnel connect ${target} --config-dir ${operatorDir}`,
    `tunnel audit --data-dir ${gatewayDir}`,
  ];
}

async function mintBoth(dataDir: string, target: string, world: World, signal: AbortSignal): Promise<{ agent: string; operator: string }> {
  await using gateway = await openGateway({ dataDir }, world);
  const port = target.slice(target.lastIndexOf(':') + 1);
  const common = { name: NAME, expires_ms: DEADLINE_MS };
  const agent = await gateway.client.mintToken({ ...common, kind: 'agent', routes: ['127.0.0.0/8'], ports: [port] }, signal);
  const operator = await gateway.client.mintToken({ ...common, kind: 'operator', agents: [NAME] }, signal);
  return { agent: agent.token, operator: operator.token };
}

function fetchText(url: string, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { signal, agent: false }, (response) => void text(response).then(resolve, reject));
    asked.once('error', reject);
    asked.end();
  });
}
