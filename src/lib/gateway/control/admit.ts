// May the holder of this certificate link? Its id, serial and key must be those that were issued, not revoked, of an agent that is there (security.md, G).
import { auditText } from '../../audit/text.ts';
import { TunnelError } from '../../base/errors.ts';
import { type AgentIdentity, readIdentity } from '../../pki/identity.ts';
import type { RefusedPeer } from '../../transport/link.ts';
import type { Admission, PresentedLink } from '../contract.ts';
import { assignmentOf, type ControlContext } from './context.ts';
import { assertWelcome } from './links.ts';
import { endReplaced } from './replaced-certificates.ts';

/** Errors `certificate.refused`, `agent.deleted`, `agent.flapping`, `gateway.stopping`, audited. */
export async function admit(context: ControlContext, presented: PresentedLink): Promise<Admission> {
  const { audit, registry, world } = context;
  const from = { remote: presented.remote.address, transport: presented.transport, protocol: presented.protocol };
  try {
    context.draining.assertServing();
    const identity = await judge(context, presented);
    const { agentId } = identity;
    const linkId = world.random.uuid();
    // Asked again, because the agent may have been deleted, revoked or locked while the store was looking: from here to `link` nothing waits.
    const agent = registry.byId(agentId);
    if (!agent) throw new TunnelError('agent.deleted', `agent ${agentId} was deleted`);
    if (agent.barred) throw new TunnelError('certificate.refused', `agent ${agent.name} is ${agent.barred.by}`);
    const { replaced } = registry.link({
      linkId,
      agentId,
      protocol: presented.protocol,
      transport: presented.transport,
      remote: presented.remote,
      certificate: identity,
    });
    // Version 1 says no more of itself than where it comes from; version 2 is judged when it has introduced itself.
    if (presented.protocol === 1) {
      try {
        assertWelcome(context, linkId, {});
      } catch (error) {
        registry.unlink(linkId);
        throw error;
      }
    }
    audit.keepProvoked({
      code: 'link.opened',
      actor: `agent:${agent.name}`,
      subject: `agent:${agent.name}`,
      detail: { link_id: linkId, agent_id: agentId, replaces: replaced?.linkId ?? null, ...from },
    });
    // The link does not wait for that, and the next one does it where it failed.
    endReplaced(context, agent, identity).catch((error: unknown) => world.log.warn({ error, agent: agent.name }, 'replaced certificates were not ended'));
    return { linkId, agentId, agent: agent.name, assignment: assignmentOf(agent) };
  } catch (error) {
    const reason = error instanceof TunnelError ? error.message : 'the gateway failed';
    noteRefused(context, { ...presented, reason });
    throw error;
  }
}

/** `protocol` is missing where the transport refused before there was one. */
export function noteRefused({ audit }: ControlContext, { remote, transport, protocol, reason }: RefusedPeer & { readonly protocol?: 1 | 2 }): void {
  audit.keepProvoked({
    code: 'link.refused',
    actor: `address:${remote.address}`,
    subject: 'gateway',
    detail: { reason: auditText(reason), remote: remote.address, transport, ...(protocol !== undefined && { protocol }) },
  });
}

async function judge({ registry, store, world }: ControlContext, { certificate }: PresentedLink): Promise<AgentIdentity> {
  const identity = readIdentity(certificate, { usage: 'agent' });
  const { agentId, serial, spkiSha256 } = identity;
  const known = registry.byId(agentId);
  const locked = known?.barred;
  // Without the administrator's reason: a thief may be reading.
  if (locked?.by === 'locked') throw new TunnelError('certificate.refused', 'this agent is locked', { hint: 'An administrator must unlock it.' });
  if (!(await store.certificates.admissible({ agentId, serial, spkiSha256 }))) {
    // The transport has seen that a CA of ours signed it: such an agent was there once.
    const code = known ? 'certificate.refused' : 'agent.deleted';
    throw new TunnelError(code, `the certificate ${serial} of agent ${agentId} is not, or no longer, good`, {
      hint: 'Enrol this agent again with a new string.',
    });
  }
  // The transport has looked at the machine's clock already; ours decides.
  if (world.clock.now() >= identity.notAfter) {
    throw new TunnelError('certificate.refused', `the certificate ${serial} of agent ${agentId} ended at ${new Date(identity.notAfter).toISOString()}`, {
      hint: 'Enrol this agent again with a new string.',
    });
  }
  return identity;
}
