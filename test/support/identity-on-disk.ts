// The identity that is in force in an agent's data folder, as its files have it.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CertificateFacts, certificateFacts } from '../../src/lib/pki/certificate-facts.ts';

export interface IdentityOnDisk extends CertificateFacts {
  readonly agentId: string;
  readonly privateKeyPem: string;
}

export function identityOnDisk(dataDir: string): IdentityOnDisk {
  const { agent_id, identity } = JSON.parse(readFileSync(join(dataDir, 'agent.json'), 'utf8')) as { agent_id: string; identity: string };
  const read = (name: string) => readFileSync(join(dataDir, identity, name), 'utf8');
  return { ...certificateFacts(read('cert.pem')), agentId: agent_id, privateKeyPem: read('key.pem') };
}
