// Asks the agent that runs on a data folder, over its socket: how it fares, for another certificate, and to read its configuration again.
import { AgentRenewalAnswer } from '../api/agent-renewal.ts';
import { AgentStatusAnswer } from '../api/agent-status.ts';
import { ConfigAnswer, ReloadAnswer } from '../api/config.ts';
import type { ExchangeRequest } from '../api/exchange.ts';
import { TunnelError } from '../base/errors.ts';
import type { World } from '../base/world.ts';
import { certificateFacts } from '../pki/certificate-facts.ts';
import { AGENT_PATHS, socketOf } from './agent-socket.ts';
import { Installed } from './installed.ts';

/** An answer of the gateway, and the link that is made with it, have 30 s each. */
const RENEWAL_MS = 75_000;

/** Errors `agent.not-enrolled`, `config.invalid`, `file.loose-mode`, and `agent.offline` where none runs. */
export async function askStatus(dataDir: string, world: World, signal: AbortSignal): Promise<AgentStatusAnswer> {
  return await ask(dataDir, { method: 'GET', path: AGENT_PATHS.status }, AgentStatusAnswer, world, signal);
}

/** What it goes by. Errors as `askStatus`. */
export async function askSettings(dataDir: string, world: World, signal: AbortSignal): Promise<ConfigAnswer> {
  return await ask(dataDir, { method: 'GET', path: AGENT_PATHS.settings }, ConfigAnswer, world, signal);
}

/** Errors as `askStatus` and `Agent.renew`. */
export async function askRenewal(
  dataDir: string,
  { rotateKey }: { readonly rotateKey: boolean },
  world: World,
  signal: AbortSignal,
): Promise<AgentRenewalAnswer> {
  const path = rotateKey ? AGENT_PATHS.renewKey : AGENT_PATHS.renew;
  return await ask(dataDir, { method: 'POST', path }, AgentRenewalAnswer, world, signal, RENEWAL_MS);
}

/** Errors as `askStatus` and `Agent.reload`. */
export async function askReload(dataDir: string, world: World, signal: AbortSignal): Promise<ReloadAnswer> {
  return await ask(dataDir, { method: 'POST', path: AGENT_PATHS.reload }, ReloadAnswer, world, signal);
}

async function ask<Answer>(
  dataDir: string,
  request: ExchangeRequest,
  shape: Parameters<typeof import('../api/read-answer.ts').readAnswer<Answer>>[1],
  world: World,
  signal: AbortSignal,
  answerMs?: number,
): Promise<Answer> {
  const installed = await Installed.open(dataDir, world);
  const at = socketOf(dataDir);
  const connect = async (signal: AbortSignal) => {
    try {
      return await world.net.connect(at, signal);
    } catch (cause) {
      if (signal.aborted) throw signal.reason;
      throw notRunning(installed, dataDir, cause);
    }
  };
  const [{ httpExchange }, { readAnswer }] = await Promise.all([import('../api/exchange.ts'), import('../api/read-answer.ts')]);
  const exchange = httpExchange({ host: 'localhost', prefix: '', called: at.path, connect, answerMs }, world);
  return readAnswer(await exchange(request, signal), shape, 'api');
}

function notRunning({ config, identity }: Installed, dataDir: string, cause: unknown): TunnelError {
  const until = new Date(certificateFacts(identity.certificatePem).notAfter).toISOString();
  return new TunnelError(
    'agent.offline',
    `the agent ${config.name} (${config.agent_id}) of ${config.gateway} does not run here; its certificate is valid until ${until}`,
    { hint: `Start it: tunnel agent start --data-dir '${dataDir}'`, cause },
  );
}
