// Endpoints of sessions on demand (requirements C1) and of tunnels (B1, B2), for programs of others.
import type { Endpoint } from '../endpoint.ts';
import { ById } from '../shapes.ts';
import * as tunnels from '../tunnels.ts';

/** The promise of C1, by name. */
const DEMANDED = [400, 401, 403, 404, 409, 429, 500, 503];

export const tunnelEndpoints = {
  tunnelOpen: {
    method: 'POST',
    path: '/api/v1/tunnel/open',
    who: 'login',
    summary: 'demand a new session on an agent',
    body: tunnels.OpenRequest,
    answer: tunnels.OpenedSession,
    onlyFailures: DEMANDED,
  },
  tunnelClose: {
    method: 'POST',
    path: '/api/v1/tunnel/close',
    who: 'login',
    summary: 'end a session',
    body: tunnels.CloseRequest,
    answer: tunnels.DemandedSession,
    onlyFailures: DEMANDED,
  },
  tunnelStatus: {
    method: 'GET',
    path: '/api/v1/tunnel/status/:id',
    who: 'login',
    summary: 'how a session stands',
    params: ById,
    answer: tunnels.DemandedSession,
    onlyFailures: DEMANDED,
  },
  connectTunnel: {
    method: 'POST',
    path: '/api/tunnel/connect',
    who: 'login',
    summary: 'join the tunnel of an agent, or begin it',
    body: tunnels.ConnectTunnelRequest,
    answer: tunnels.ConnectedTunnel,
    failures: [404, 409],
  },
  showTunnel: {
    method: 'GET',
    path: '/api/tunnel/status',
    who: 'login',
    summary: 'how a tunnel stands',
    query: tunnels.WhichTunnel,
    answer: tunnels.Tunnel,
    failures: [404],
  },
  disconnectTunnel: {
    method: 'DELETE',
    path: '/api/tunnel/disconnect',
    who: 'login',
    summary: "end the caller's session; the tunnel ends with its last",
    query: tunnels.WhichTunnel,
    body: tunnels.WhichTunnel,
    answer: tunnels.DisconnectedTunnel,
    failures: [404],
  },
} as const satisfies Record<string, Endpoint>;
