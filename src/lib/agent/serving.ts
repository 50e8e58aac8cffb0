// What an installed agent brings to each of its links: who it is, what it wants to carry, how it renews.
import { arch, hostname, platform } from 'node:os';
import { ownRoutes } from './config.ts';
import { detectDomain } from './domain.ts';
import type { InForce, Installed } from './installed.ts';
import type { Ledger } from './ledger.ts';
import type { Serving } from './serve-link.ts';

const REASON_CHARACTERS = 200;

/** For a link that was dialled with that identity. `reason`: why it uses its transport. */
export function servingOf(
  installed: Installed,
  { identity, superseded }: InForce,
  reason: string | null,
  ledger: Ledger,
): Omit<Serving, 'online' | 'afterLoss' | 'replace' | 'standing' | 'retired'> {
  const { config } = installed;
  const own = () => ownRoutes(installed.config);
  return {
    self: { agentId: config.agent_id, own, sessionKeys: config.session_keys, ledger, domain: () => detectDomain(own()) },
    hello: {
      kind: 'hello',
      software: 'tunnel',
      os: platform(),
      arch: arch(),
      hostname: hostname(),
      capabilities: [],
      transportReason: reason?.slice(0, REASON_CHARACTERS).toWellFormed(),
      instance: installed.instance,
    },
    identity: {
      name: config.name,
      privateKeyPem: identity.privateKeyPem,
      certificatePem: identity.certificatePem,
      superseded,
      adopt: (granted, privateKeyPem) => installed.adopt(granted, privateKeyPem),
      notRenewed: (error) => installed.notRenewed(error),
    },
  };
}
