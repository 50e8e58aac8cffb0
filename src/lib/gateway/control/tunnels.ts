// Tunnels as programs of others see them: the sets of sessions that are live on one agent, which several operators share (requirements B1, B2).
import type { ConnectedTunnel, ConnectTunnelRequest, DisconnectedTunnel, Tunnel, WhichTunnel } from '../../api/tunnels.ts';
import { TunnelError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { Caller } from './caller.ts';
import type { ControlContext } from './context.ts';
import { leaseOn, shown, uuidOf } from './demanded-session.ts';
import { knownSession } from './list-sessions.ts';
import type { Session } from './live-session.ts';

/** Joins what is live, or begins it. Errors `tunnel.other` for a tunnel that is not the live one, and those of `leaseOn`. */
export async function connectTunnel(context: ControlContext, caller: Caller, { agent_id, tunnel_id }: ConnectTunnelRequest): Promise<ConnectedTunnel> {
  const demand = { tunnelId: tunnel_id === undefined ? undefined : uuidOf(tunnel_id, 'tunnel_id') };
  const { access, agent, row } = await leaseOn(context, caller, agent_id, demand);
  const own = context.sessions.find(row.id);
  return { ...tunnelOf(context, agent, own?.tunnelId ?? row.id), session: shown(context, row), ...access };
}

/** With the caller's own session in it. Errors as `ownSession`. */
export async function showTunnel(context: ControlContext, caller: Caller, which: WhichTunnel): Promise<Tunnel> {
  const own = ownSession(context, caller, [which]);
  return { ...tunnelOf(context, own.agent, own.tunnelId), session: shown(context, await knownSession(context, caller, own.id)) };
}

/** Ends the caller's session at once; the tunnel ends with its last. Errors as `ownSession`. */
export async function disconnectTunnel(context: ControlContext, caller: Caller, which: readonly WhichTunnel[]): Promise<DisconnectedTunnel> {
  const { id, agent, tunnelId } = ownSession(context, caller, which);
  await context.sessions.end(id, 'operator-closed');
  return { tunnel_id: tunnelId, session_id: id, ended: !context.sessions.on(agent.id).some((other) => other.tunnelId === tunnelId) };
}

/**
 * The caller's session in the tunnel that is meant; the only one where none is named.
 * Errors `request.malformed` where ids do not belong together or several could be meant, `scope.missing` for a tunnel of others, `tunnel.unknown`.
 */
function ownSession({ sessions }: ControlContext, { operator }: Caller, which: readonly WhichTunnel[]): Session {
  if (!operator) throw new TunnelError('login.missing', 'a tunnel is shared by operators who are logged in', { hint: 'tunnel login --token-file FILE' });
  const agentId = oneOf(
    which.map(({ agent_id }) => agent_id),
    'agent_id',
  );
  const tunnelId = oneOf(
    which.map(({ tunnel_id }) => tunnel_id),
    'tunnel_id',
  );
  const meant = sessions.all().filter((session) => tunnelId === undefined || session.tunnelId === tunnelId);
  if (tunnelId !== undefined && agentId !== undefined && meant.some(({ agent }) => agent.id !== agentId))
    throw new TunnelError('request.malformed', 'agent_id: the tunnel is not of this agent');
  const own = meant.filter((session) => session.operator.id === operator.id && (agentId === undefined || session.agent.id === agentId));
  const [first] = own;
  if (own.length > 1) throw new TunnelError('request.malformed', 'agent_id: there are several tunnels: say which');
  if (first) return first;
  if (tunnelId !== undefined && meant.length > 0)
    throw new TunnelError('scope.missing', 'this tunnel is shared by other operators', { hint: 'Connect to join it.' });
  throw new TunnelError('tunnel.unknown', 'there is no such tunnel of yours', { hint: 'POST /api/tunnel/connect begins one.' });
}

function oneOf(ids: readonly (string | undefined)[], field: string): string | undefined {
  const given = new Set(ids.filter((id) => id !== undefined).map((id) => uuidOf(id, field)));
  if (given.size > 1) throw new TunnelError('request.malformed', `${field}: two different ones were given`);
  return [...given][0];
}

function tunnelOf({ sessions }: ControlContext, agent: Session['agent'], tunnelId: string): Omit<Tunnel, 'session'> {
  return {
    tunnel_id: tunnelId,
    agent_id: agent.id,
    agent: agent.name,
    plane: 'stream',
    virtual_ip: null,
    idle_seconds: LIMITS.sessionIdleMs / 1000,
    operators: sessions.on(agent.id).length,
  };
}
