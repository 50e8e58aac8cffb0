// The HTTP contract of sessions that other programs open for themselves: on demand (requirements C1), and as tunnels, the sets of sessions on one agent (B1, B2).
import { z } from 'zod';
import { name, time, uuid } from './shapes.ts';

/** What a program needs to connect through a session: the token for the gateway's proxy, and whom to trust. */
const Access = {
  /** For Proxy-Authorization: Bearer, or Basic with this as the password. */
  token: z.string(),
  expires_at: time,
};
/** Where and how to connect with the token. */
export const ClientConfiguration = z.object({
  /** https URL for plain clients; null when the gateway runs without --proxy-listen. */
  proxy: z.string().nullable(),
  /** host:port for CONNECT over HTTP/2 with ALPN tunnel-connect/1. */
  connect: z.string(),
  ca_pem: z.string(),
});

export const OpenRequest = z.object({ agent_id: uuid });
export const CloseRequest = z.object({ session_id: uuid, agent_id: uuid.optional() });
export const DemandedSession = z.object({
  session_id: uuid,
  agent_id: uuid,
  agent: name,
  tunnel_id: uuid,
  state: z.enum(['live', 'ended']),
  opened_at: time,
  ended_at: time.nullable(),
  /** Of the closed list of reasons; null while it is live. */
  reason: z.string().nullable(),
  idle_seconds: z.number().int(),
  /** When it ends unless its operator does something, and whatever it does; null where nothing will, or it has ended. */
  idle_ends_at: time.nullable(),
  longest_ends_at: time.nullable(),
});
export const OpenedSession = DemandedSession.extend({ ...Access, client: ClientConfiguration });

/** A tunnel is named by itself or by its agent; both must mean the same one. */
export const WhichTunnel = z.object({ agent_id: uuid.optional(), tunnel_id: uuid.optional() });
export const ConnectTunnelRequest = z.object({ agent_id: uuid, tunnel_id: uuid.optional() });
export const Tunnel = z.object({
  tunnel_id: uuid,
  agent_id: uuid,
  agent: name,
  /** Bytes go through streams of the gateway; the WireGuard plane will give an address. */
  plane: z.literal('stream'),
  virtual_ip: z.null(),
  idle_seconds: z.number().int(),
  /** Operators that share it. */
  operators: z.number().int(),
  /** The caller's own. */
  session: DemandedSession,
});
export const ConnectedTunnel = Tunnel.extend({ ...Access, client: ClientConfiguration });
/** `ended`: the caller's session was the last. */
export const DisconnectedTunnel = z.object({ tunnel_id: uuid, session_id: uuid, ended: z.boolean() });

export type DemandedSession = z.infer<typeof DemandedSession>;
export type OpenedSession = z.infer<typeof OpenedSession>;
export type WhichTunnel = z.infer<typeof WhichTunnel>;
export type ConnectTunnelRequest = z.infer<typeof ConnectTunnelRequest>;
export type Tunnel = z.infer<typeof Tunnel>;
export type ConnectedTunnel = z.infer<typeof ConnectedTunnel>;
export type DisconnectedTunnel = z.infer<typeof DisconnectedTunnel>;
