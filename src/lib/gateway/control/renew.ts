// A new certificate for the holder of a link: same id, same name, later end; for the same key, or for a new one that is asked for in so many words (requirements A13; security.md, G).
import { auditText } from '../../audit/text.ts';
import { TunnelError } from '../../base/errors.ts';
import { BACKDATED_MS } from '../../pki/authority.ts';
import { renewalPace } from '../../pki/renewal-pace.ts';
import { publicKeys } from '../../tokens/signing-keys.ts';
import type { RenewalRequest, RenewedIdentity } from '../contract.ts';
import { type ControlContext, leafLifetime } from './context.ts';
import type { RegisteredLink } from './known-agent.ts';

/** Errors `csr.refused`, `certificate.refused`, `limit.reached`; audited. The certificate before stays good until the new one is shown (replaced-certificates.ts). */
export async function renew(context: ControlContext, linkId: string, request: RenewalRequest): Promise<RenewedIdentity> {
  const { audit, registry } = context;
  const link = registry.findLink(linkId);
  const name = (link && registry.row(link.agentId)?.name) ?? 'unknown';
  try {
    if (!link) throw new TunnelError('certificate.refused', 'this link has ended');
    return await renewOnce(context, link, request);
  } catch (error) {
    const [code, reason] = error instanceof TunnelError ? [error.code, error.message] : ['internal', 'the gateway failed'];
    audit.keepProvoked({
      code: 'agent.renewal-refused',
      actor: `agent:${name}`,
      subject: `agent:${name}`,
      detail: { agent_id: link?.agentId ?? null, link_id: linkId, new_key: request.newKey, code, reason: auditText(reason) },
    });
    throw error;
  }
}

async function renewOnce(context: ControlContext, link: RegisteredLink, { csrPem, newKey }: RenewalRequest): Promise<RenewedIdentity> {
  const { authority, keys, registry, store, world } = context;
  const { agentId, certificate } = link;
  const shown = { agentId, serial: certificate.serial, spkiSha256: certificate.spkiSha256 };
  const row = registry.row(agentId);
  if (!row || !(await store.certificates.admissible(shown))) throw noLongerGood();
  const now = world.clock.now();
  if (now >= certificate.notAfter) throw expired(certificate.notAfter);
  const { leastBetweenMs } = renewalPace(certificate);
  const ageMs = now - (certificate.notBefore + BACKDATED_MS); // below zero where the clock was set back
  if ((ageMs >= 0 && ageMs < leastBetweenMs) || !registry.mayRenew(agentId, leastBetweenMs)) throw tooOften();
  const [{ readCsr }, { issueAgentLeaf }] = await Promise.all([import('../../pki/csr.ts'), import('../../pki/leaf.ts')]);
  const { spki, spkiSha256 } = await readCsr(csrPem);
  if (!newKey && spkiSha256 !== shown.spkiSha256) throw refusedKey("a renewal keeps its link's key", 'To change the key: tunnel agent renew --rotate-key.');
  if (newKey && spkiSha256 === authority.spkiSha256) throw refusedKey('its key belongs to somebody else');

  const lifetimeMs = leafLifetime(context, { stock: link.protocol === 1 });
  const leaf = await issueAgentLeaf(authority, { agentId, name: row.name, hostname: row.hostname ?? undefined, spki, now, lifetimeMs });
  await store.transaction(async (tables) => {
    if (!(await tables.certificates.admissible(shown))) throw noLongerGood(); // deleted, revoked or locked meanwhile
    if (newKey && (await tables.certificates.holdersOf(spkiSha256)).length > 0) throw refusedKey('its key was used before');
    const { serial, fingerprintSha256: fingerprint, notBefore, notAfter } = leaf;
    await tables.certificates.insert({ agentId, serial, spkiSha256, fingerprint, notBefore, notAfter });
    await tables.audit.append({
      code: newKey ? 'agent.key-rotated' : 'agent.renewed',
      actor: `agent:${row.name}`,
      subject: `agent:${row.name}`,
      detail: { agent_id: agentId, serial, spki_sha256: spkiSha256, replaces: shown.serial, not_after: new Date(notAfter).toISOString() },
    });
  });
  return { certificatePem: leaf.certificatePem, caPem: authority.bundlePem, sessionKeys: publicKeys(keys) };
}

function noLongerGood(): TunnelError {
  return new TunnelError('certificate.refused', 'this agent was deleted, revoked or locked, or its certificate has been replaced');
}

function expired(notAfter: number): TunnelError {
  return new TunnelError('certificate.refused', `the certificate of this link ended at ${new Date(notAfter).toISOString()}`, {
    hint: 'Enrol this agent again.',
  });
}

function tooOften(): TunnelError {
  return new TunnelError('limit.reached', 'this agent asked for a certificate a moment ago', { hint: 'Try again in a moment.' });
}

function refusedKey(why: string, hint?: string): TunnelError {
  return new TunnelError('csr.refused', `the certificate request is refused: ${why}`, { hint });
}
