// A session that is demanded anew, for programs that ask the API and connect by themselves (requirements C1, E3): what they are told of it, and its end.
import type { DemandedSession, OpenedSession } from '../../api/tunnels.ts';
import { TunnelError } from '../../base/errors.ts';
import { parseUuid } from '../../base/ids.ts';
import { LIMITS } from '../../base/limits.ts';
import { mayUseAgent } from '../../policy/evaluate.ts';
import { ANY_TARGET } from '../../routing/target.ts';
import type { Operator } from '../../store/operators.ts';
import type { NamedSession } from '../../store/sessions.ts';
import { mintSessionToken } from '../../tokens/session-token.ts';
import type { Caller } from './caller.ts';
import { assertServing, type ControlContext } from './context.ts';
import type { KnownAgent } from './known-agent.ts';
import { closeSession, endsOf, knownSession } from './list-sessions.ts';
import type { Demand } from './sessions.ts';

/** Errors `session.exists` when this operator has one on this agent, and those of `leaseOn`. */
export async function openDemanded(context: ControlContext, caller: Caller, agentId: string): Promise<OpenedSession> {
  const { access, row } = await leaseOn(context, caller, agentId, { anew: true });
  return { ...shown(context, row), ...access };
}

/** One that has ended stays as it is. Errors `request.malformed` also where the two ids do not belong together, and as `knownSession`. */
export async function closeDemanded(context: ControlContext, caller: Caller, sessionId: string, agentId: string | undefined): Promise<DemandedSession> {
  const id = uuidOf(sessionId, 'session_id');
  const session = await knownSession(context, caller, id);
  if (agentId !== undefined && uuidOf(agentId, 'agent_id') !== session.agentId)
    throw new TunnelError('request.malformed', 'agent_id: the session is not on this agent');
  await closeSession(context, caller, id);
  return shown(context, await knownSession(context, caller, id));
}

/** Errors `request.malformed`, and as `knownSession`. */
export async function showDemanded(context: ControlContext, caller: Caller, sessionId: string): Promise<DemandedSession> {
  return shown(context, await knownSession(context, caller, uuidOf(sessionId, 'the session id')));
}

export interface LeasedOn {
  readonly row: NamedSession;
  readonly agent: KnownAgent;
  readonly access: Pick<OpenedSession, 'token' | 'expires_at' | 'client'>;
}

/**
 * Its owner is who calls; its token is for whatever policy lets that operator reach through this agent, decided at each connection.
 * Errors `login.missing`, `request.malformed`, `gateway.stopping`, `agent.unknown`, `policy.denied`, `agent.offline`, those of `Sessions.lease`. A refusal is audited.
 */
export async function leaseOn(context: ControlContext, caller: Caller, agentId: string, demand: Demand): Promise<LeasedOn> {
  const { audit, authority, draining, keys, sessions, world } = context;
  const { operator, credentialHash } = caller;
  if (!operator || credentialHash === null)
    throw new TunnelError('login.missing', 'a session belongs to an operator who is logged in', { hint: 'tunnel login --token-file FILE' });
  const { connect, proxyUrl } = assertServing(context);
  draining.assertServing();
  const id = uuidOf(agentId, 'agent_id');
  const lease = async () => {
    const agent = usable(context, operator, id);
    return { agent, sessionId: (await sessions.lease(operator, agent, demand)).sessionId };
  };
  const { agent, sessionId } = await lease().catch((error: unknown) => {
    if (!(error instanceof TunnelError) || error.code === 'store.busy') throw error;
    const detail = { code: error.code, reason: error.message };
    audit.keep({ code: 'session.refused', actor: `operator:${operator.name}`, subject: `agent:${id}`, detail });
    throw error;
  });
  const now = world.clock.now();
  const times = { now, expiresAt: now + LIMITS.sessionTokenMs };
  const claims = { operatorId: operator.id, targets: [ANY_TARGET], agent: agent.name, alternates: [], credentialId: credentialHash };
  return {
    row: await knownSession(context, caller, sessionId),
    agent,
    access: {
      token: await mintSessionToken(claims, keys[0], times),
      expires_at: new Date(times.expiresAt).toISOString(),
      client: { proxy: proxyUrl, connect, ca_pem: authority.bundlePem },
    },
  };
}

/** Lower case, with hyphens. Error `request.malformed`. */
export function uuidOf(text: string, field: string): string {
  const uuid = parseUuid(text);
  if (uuid === undefined) throw new TunnelError('request.malformed', `${field}: not a UUID`);
  return uuid;
}

export function shown({ sessions }: ControlContext, row: NamedSession): DemandedSession {
  return {
    session_id: row.id,
    agent_id: row.agentId,
    agent: row.agent,
    tunnel_id: row.tunnelId ?? row.id,
    state: row.state,
    opened_at: new Date(row.openedAt).toISOString(),
    ended_at: row.endedAt === null ? null : new Date(row.endedAt).toISOString(),
    reason: row.reason,
    idle_seconds: LIMITS.sessionIdleMs / 1000,
    ...endsOf(row.state === 'live' ? sessions.find(row.id) : undefined),
  };
}

function usable({ registry }: ControlContext, operator: Operator, id: string): KnownAgent {
  const agent = registry.byId(id);
  if (!agent) throw new TunnelError('agent.unknown', `there is no agent ${id}`, { hint: 'tunnel agent list shows those there are.' });
  if (agent.barred) throw new TunnelError('policy.denied', agent.barred.text);
  if (!mayUseAgent(operator.agents, agent.name)) throw new TunnelError('policy.denied', `${operator.name} may not use agent ${agent.name}`);
  if (!agent.online)
    throw new TunnelError('agent.offline', `${agent.name} is offline`, { hint: 'Is the agent running? tunnel agent list shows which are online.' });
  return agent;
}
