import type { TestContext } from 'node:test';
import { realWorld } from '../../src/lib/system/real-world.ts';
import { memoryPair } from '../../src/lib/transport/memory/pair.ts';
import { linkContract, type Pair } from './link-contract.ts';

linkContract('memory', async (t: TestContext): Promise<Pair> => {
  const certificates = { agent: Uint8Array.of(1), gateway: Uint8Array.of(2) };
  const pair = memoryPair({
    clock: realWorld().clock,
    alpn: 'gw-agent-tunnel/2',
    agentCertificate: certificates.agent,
    gatewayCertificate: certificates.gateway,
  });
  t.after(() => pair.agent.close());
  return { ...pair, certificates };
});
