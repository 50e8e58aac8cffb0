// Agents of a control stand with keys and certificates of their own, admitted with them as an edge would ask.
import { X509Certificate } from 'node:crypto';
import type { Admission } from '../../src/lib/gateway/contract.ts';
import type { CertificateFacts } from '../../src/lib/pki/certificate-facts.ts';
import { makeCsr } from '../../src/lib/pki/csr.ts';
import { generateKeyPem, publicSpki } from '../../src/lib/pki/keys.ts';
import { issueAgentLeaf } from '../../src/lib/pki/leaf.ts';
import type { ControlStand } from './control-stand.ts';

export interface CertifiedAgent {
  readonly id: string;
  readonly privateKeyPem: string;
  readonly certificate: CertificateFacts;
  csr(privateKeyPem?: string): Promise<string>;
  /** With its own certificate, or one that it was given later. */
  admit(more?: { readonly protocol?: 1 | 2; readonly certificatePem?: string }): Promise<Admission>;
}

export async function certifiedAgent(
  { control, store, world, agent }: ControlStand,
  name: string,
  { lifetimeMs = 90 * 86_400_000, issuedAt = world.clock.now() }: { readonly lifetimeMs?: number; readonly issuedAt?: number } = {},
): Promise<CertifiedAgent> {
  const id = await agent(name, { offline: true });
  const privateKeyPem = await generateKeyPem();
  const spki = publicSpki(privateKeyPem);
  const leaf = await issueAgentLeaf(control.context.authority, { agentId: id, name, spki, now: issuedAt, lifetimeMs });
  const { serial, spkiSha256, fingerprintSha256: fingerprint, notBefore, notAfter } = leaf;
  await store.certificates.insert({ agentId: id, serial, spkiSha256, fingerprint, notBefore, notAfter });
  const remote = { address: '192.0.2.1', port: 1 };
  return {
    id,
    privateKeyPem,
    certificate: leaf,
    csr: (key = privateKeyPem) => makeCsr(key, name),
    admit: ({ protocol = 2, certificatePem = leaf.certificatePem } = {}) =>
      control.forEdge.admit({ certificate: new X509Certificate(certificatePem).raw, protocol, transport: 'memory', remote }),
  };
}
