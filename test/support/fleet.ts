// Several agents in this process, each with an identity of its own and the code of `agent start`.
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { enrol } from '../../src/lib/agent/enrol.ts';
import { type Agent, startAgent } from '../../src/lib/agent/start.ts';
import { type ApiClient, apiClient } from '../../src/lib/api/client.ts';
import { localExchange } from '../../src/lib/api/exchange-local.ts';
import { realWorld } from '../../src/lib/system/real-world.ts';
import type { Chain } from './chain.ts';

const world = realWorld({ level: 'silent' });

/** The gateway's API for its administrator; works across restarts of the gateway. */
export function adminOf({ gatewayFolder }: Pick<Chain, 'gatewayFolder'>): ApiClient {
  return apiClient(localExchange(join(gatewayFolder, 'control.sock'), world));
}

export interface Fleet {
  readonly names: readonly string[];
  /** All of them, as they were never started before; resolves when all are online. */
  start(transport: 'quic' | 'tls'): Promise<void>;
  stop(): Promise<void>;
}

export async function enrolFleet(t: TestContext, chain: Chain, count: number): Promise<Fleet> {
  const admin = adminOf(chain);
  const names = Array.from({ length: count }, (_, index) => `fleet${index}`);
  const folderOf = (name: string) => join(chain.folder, name);
  for (const name of names) {
    const { token } = await admin.mintToken({ kind: 'agent', name, routes: ['192.0.2.0/24'], expires_ms: 3_600_000, replace: false }, t.signal);
    await enrol({ dataDir: folderOf(name), enrolmentString: token, verify: false, os: 'linux', hostname: name }, world, t.signal);
  }
  let agents: Agent[] = [];
  const stop = async () => {
    const stopping = agents;
    agents = [];
    await Promise.all(stopping.map((agent) => agent.close()));
  };
  t.after(stop);
  return {
    names,
    stop,
    async start(transport) {
      agents = await Promise.all(names.map((name) => startAgent({ dataDir: folderOf(name), transport }, world)));
      await Promise.all(agents.map((agent) => agent.online(t.signal)));
    },
  };
}
