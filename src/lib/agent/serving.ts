// What an installed agent brings to each of its links: who it is, what it wants to carry, how it renews.
import { arch, hostname, platform } from 'node:os';
import { ownRoutes } from './config.ts';
import { detectDomain } from './domain.ts';
import type { Installed } from './installed.ts';
import type { Serving } from './serve-link.ts';

const REASON_CHARACTERS = 200;

/** `reason`: why the link uses its transport. */
export function servingOf(installed: Installed, reason: string | null): Omit<Serving, 'online' | 'afterLoss' | 'replace' | 'renewable' | 'retired'> {
  const { config, identity } = installed;
  const own = ownRoutes(config);
  return {
    self: { agentId: config.agent_id, own, sessionKeys: config.session_keys, domain: () => detectDomain(own) },
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
      superseded: installed.superseded,
      adopt: (granted, privateKeyPem) => installed.adopt(granted, privateKeyPem),
    },
  };
}
