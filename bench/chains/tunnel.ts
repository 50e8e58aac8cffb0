// Our chain: gateway, agent and `tunnel connect` as three processes of the real CLI.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { spawnUntil } from '../process.ts';
import type { Chain, RunningChain } from '../run.ts';

export const bin = fileURLToPath(new URL('../../bin/run.js', import.meta.url));

export const tunnelOverTls = tunnel('tls');
export const tunnelOverQuic = tunnel('quic');

/** A gateway that agents and operators reach at another port than its own. */
interface Behind {
  readonly gatewayPort: number;
  readonly publicPort: number;
}

interface TunnelChain extends Chain {
  start(targetPort: number, stack: AsyncDisposableStack, behind?: Behind): Promise<RunningChain>;
}

function tunnel(transport: 'quic' | 'tls'): TunnelChain {
  return { name: `tunnel (${transport.toUpperCase()})`, start: (targetPort, stack, behind) => start(transport, targetPort, stack, behind) };
}

async function start(transport: 'quic' | 'tls', targetPort: number, stack: AsyncDisposableStack, behind?: Behind): Promise<RunningChain> {
  const { operator, pids } = await startGatewayAndAgent(transport, stack, behind);
  const connect = await long(stack, 'connect', `127.0.0.1:${targetPort}`, '--config-dir', operator);
  return { port: Number((connect.said.listen ?? '').split(':').at(-1)), pids: [...pids, connect.pid] };
}

/** `operator` is the folder of a login that may reach every port of 127.0.0.0/8. */
export async function startGatewayAndAgent(
  transport: 'quic' | 'tls',
  stack: AsyncDisposableStack,
  behind?: Behind,
): Promise<{ readonly operator: string; readonly pids: readonly number[] }> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-tunnel-'));
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  const [gateway, agent, operator] = ['gw', 'ag', 'op'].map((name) => join(folder, name)) as [string, string, string];
  const cli = (...args: string[]) => execFileSync(process.execPath, [bin, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });

  cli('ca', 'init', '--data-dir', gateway);
  const publicUrl = behind ? ['--public-url', `https://127.0.0.1:${behind.publicPort}`] : [];
  const gatewayProcess = await long(stack, 'gateway', 'start', '--data-dir', gateway, '--listen', `127.0.0.1:${behind?.gatewayPort ?? 0}`, ...publicUrl);
  const mint = ['token', 'mint', '--data-dir', gateway, '--expires', '1h'];
  cli(...mint, '--kind', 'agent', '--name', 'bench', '--routes', '127.0.0.0/8', '--ports', '1-65535', '--out', join(folder, 'agent.token'));
  cli(...mint, '--kind', 'operator', '--name', 'bench', '--out', join(folder, 'operator.token'));
  cli('agent', 'enroll', '--token-file', join(folder, 'agent.token'), '--data-dir', agent, '--no-verify');
  const agentProcess = await long(stack, 'agent', 'start', '--data-dir', agent, '--transport', transport);
  cli('login', '--token-file', join(folder, 'operator.token'), '--config-dir', operator);
  return { operator, pids: [gatewayProcess.pid, agentProcess.pid] };
}

/** A command that stays, from its ready line on. */
function long(stack: AsyncDisposableStack, ...args: string[]) {
  const ready = (line: string) => (line.includes('"ready"') ? (JSON.parse(line) as { listen?: string }) : undefined);
  return spawnUntil(process.execPath, [bin, ...args, '--json'], 'stdout', ready, stack);
}
