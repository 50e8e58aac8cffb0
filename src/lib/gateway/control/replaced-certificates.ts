// When the certificates before a renewal end: not when the new one is issued, which its agent may never get or fail to store, but a while after the new one was shown.
import { LIMITS } from '../../base/limits.ts';
import type { CertificateFacts } from '../../pki/certificate-facts.ts';
import type { ControlContext } from './context.ts';

/** `shown` let its agent in: whatever was issued to it before ends, as long after as a link made with it may still carry channels; sooner where the key was changed. Errors of the store. */
export async function endReplaced(
  { store, world }: Pick<ControlContext, 'store' | 'world'>,
  agent: { readonly id: string; readonly name: string },
  shown: CertificateFacts,
): Promise<void> {
  const before = { agentId: agent.id, serial: shown.serial, notBefore: shown.notBefore };
  if ((await store.certificates.before(before)).length === 0) return;
  const now = world.clock.now();
  const ends = { sameKey: now + LIMITS.renewedLinkGraceMs, otherKey: now + LIMITS.replacedLinkGraceMs };
  await store.transaction(async (tables) => {
    const ended = await tables.certificates.before(before);
    for (const { serial, spkiSha256 } of ended) {
      const at = spkiSha256 === shown.spkiSha256 ? ends.sameKey : ends.otherKey;
      await tables.certificates.revoke(serial, at);
      await tables.audit.append({
        code: 'agent.certificate-replaced',
        actor: `agent:${agent.name}`,
        subject: `agent:${agent.name}`,
        detail: { agent_id: agent.id, serial, by: shown.serial, ends_at: new Date(at).toISOString() },
      });
    }
  });
}
