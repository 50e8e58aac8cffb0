// A new certificate for the key that an agent's link has proved: same id, same name, later end (requirements A13; security.md, G).
import { TunnelError } from '../../base/errors.ts';
import { BACKDATED_MS } from '../../pki/authority.ts';
import { sha256Hex } from '../../pki/certificate-facts.ts';
import { publicKeys } from '../../tokens/signing-keys.ts';
import type { RenewedIdentity } from '../contract.ts';
import { auditText } from './audit-log.ts';
import { type ControlContext, leafLifetime } from './context.ts';
import type { RegisteredLink } from './registry.ts';

/** The old certificate ends this long after it was replaced: the agent may need it if it could not keep the new one. */
const OLD_GOOD_FOR_MS = 86_400_000;
const LEAST_BETWEEN_MS = 10_000;

/** Errors `csr.refused`, `certificate.refused`, `limit.reached`; audited. */
export async function renew(context: ControlContext, linkId: string, csrPem: string): Promise<RenewedIdentity> {
  const { audit, registry } = context;
  const link = registry.findLink(linkId);
  const name = (link && registry.row(link.agentId)?.name) ?? 'unknown';
  try {
    if (!link) throw new TunnelError('certificate.refused', 'this link has ended');
    return await renewOnce(context, link, csrPem);
  } catch (error) {
    const reason = error instanceof TunnelError ? error.message : 'the gateway failed';
    audit.keepProvoked({
      code: 'agent.renewal-refused',
      actor: `agent:${name}`,
      subject: `agent:${name}`,
      detail: { link_id: linkId, reason: auditText(reason) },
    });
    throw error;
  }
}

async function renewOnce(context: ControlContext, { agentId, protocol }: RegisteredLink, csrPem: string): Promise<RenewedIdentity> {
  const { authority, keys, registry, store, world } = context;
  const [{ readCsr }, { issueAgentLeaf }] = await Promise.all([import('../../pki/csr.ts'), import('../../pki/leaf.ts')]);
  const { spki } = await readCsr(csrPem);
  const pin = sha256Hex(spki);
  const current = (await store.certificates.newestOf([agentId])).get(agentId);
  const row = registry.row(agentId);
  if (!row || !current) throw new TunnelError('certificate.refused', 'this agent was deleted or revoked');
  if (current.spkiSha256 !== pin)
    throw new TunnelError('csr.refused', 'the certificate request is refused: a renewal keeps its key', { hint: 'Enrol again to change the key.' });
  const now = world.clock.now();
  if (now - (current.notBefore + BACKDATED_MS) < LEAST_BETWEEN_MS) throw new TunnelError('limit.reached', 'this certificate was renewed a moment ago');
  const lifetimeMs = leafLifetime(context, { stock: protocol === 1 });
  const leaf = await issueAgentLeaf(authority, { agentId, name: row.name, hostname: row.hostname ?? undefined, spki, now, lifetimeMs });
  await store.transaction(async (tables) => {
    if (!(await tables.agents.byId(agentId))) throw new TunnelError('certificate.refused', 'this agent was deleted');
    await tables.certificates.insert({
      agentId,
      serial: leaf.serial,
      spkiSha256: pin,
      fingerprint: leaf.fingerprintSha256,
      notBefore: leaf.notBefore,
      notAfter: leaf.notAfter,
    });
    await tables.certificates.revokeOf(agentId, { exceptSerial: leaf.serial, at: now + OLD_GOOD_FOR_MS });
    const detail = { agent_id: agentId, serial: leaf.serial, replaces: current.serial, not_after: new Date(leaf.notAfter).toISOString() };
    await tables.audit.append({ code: 'agent.renewed', actor: `agent:${row.name}`, subject: `agent:${row.name}`, detail });
  });
  return { certificatePem: leaf.certificatePem, caPem: authority.bundlePem, sessionKeys: publicKeys(keys) };
}
