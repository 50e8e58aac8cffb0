// A whole chain of the real CLI on this machine: gateway, enrolled agent, logged-in operator, each with a folder of its own.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { before } from 'node:test';
import { type Running, start, succeed, temporaryFolder } from './cli.ts';
import { type Lasting, wholeSuite } from './whole-suite.ts';

export interface Chain {
  readonly folder: string;
  readonly gatewayFolder: string;
  readonly agentFolder: string;
  readonly operatorFolder: string;
  readonly gateway: Running;
  readonly agent: Running;
  /** The gateway's ready event. */
  readonly ready: Record<string, unknown>;
}

interface Options {
  readonly routes?: string;
  readonly ports?: string;
  readonly gatewayFlags?: readonly string[];
  readonly gatewayEnv?: NodeJS.ProcessEnv;
  /** For the commands of agent and operator. */
  readonly env?: NodeJS.ProcessEnv;
}

export async function startChain(
  t: Lasting,
  { routes = '127.0.0.0/8,::1,localhost', ports = '1-65535', gatewayFlags = [], gatewayEnv = {}, env = {} }: Options = {},
): Promise<Chain> {
  const folder = temporaryFolder(t);
  const [gatewayFolder, agentFolder, operatorFolder] = [join(folder, 'gw'), join(folder, 'ag'), join(folder, 'op')];
  await succeed(['ca', 'init', '--data-dir', gatewayFolder]);
  const gateway = start(t, ['gateway', 'start', '--data-dir', gatewayFolder, '--listen', '127.0.0.1:0', ...gatewayFlags], { env: gatewayEnv });
  const ready = await gateway.event('ready');
  const mint = ['token', 'mint', '--data-dir', gatewayFolder, '--expires', '1h'];
  await Promise.all([
    succeed([...mint, '--kind', 'agent', '--name', 'web1', '--routes', routes, '--ports', ports, '--out', join(folder, 'web1.token')]),
    succeed([...mint, '--kind', 'operator', '--name', 'alice', '--agents', 'web1', '--out', join(folder, 'alice.token')]),
  ]);
  await Promise.all([
    succeed(['agent', 'enroll', '--token-file', join(folder, 'web1.token'), '--data-dir', agentFolder], { env }),
    succeed(['login', '--token-file', join(folder, 'alice.token'), '--config-dir', operatorFolder], { env }),
  ]);
  const agent = start(t, ['agent', 'start', '--data-dir', agentFolder], { env });
  await agent.event('ready');
  return { folder, gatewayFolder, agentFolder, operatorFolder, gateway, agent, ready };
}

/** One chain for all tests of a `describe`, made before the first of them. To be called in it: what a file itself cleans up is too late for no-leaks. */
export function sharedChain(options: Options = {}): () => Chain {
  const whole = wholeSuite();
  let chain: Chain | undefined;
  before(async () => {
    chain = await startChain(whole, options);
  });
  return () => chain ?? assert.fail('no test has begun');
}

/** `tunnel connect` to one target; its local address. */
export async function connectTo(t: Lasting, chain: Chain, target: string, ...flags: string[]): Promise<{ host: string; port: number; running: Running }> {
  const running = start(t, ['connect', target, '--config-dir', chain.operatorFolder, ...flags]);
  const { listen } = await running.event('ready');
  const [, host = '', port = ''] = /^(.*):(\d+)$/.exec(String(listen)) ?? [];
  return { host, port: Number(port), running };
}
