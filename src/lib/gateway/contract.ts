// The interface between control and edge: what an edge may ask, and what control may order. Plain data only, so that it can cross a process border.
import type { ErrorCode } from '../base/errors.ts';
import type { SocketAddress } from '../base/world.ts';
import type { CloseReason } from '../sessions/close-reason.ts';
import type { RefusedPeer, TransportName } from '../transport/link.ts';

/** What an edge asks of control. Every method may reject with a TunnelError. */
export interface ControlForEdge {
  /** May the holder of this leaf link? Chain and validity were verified by the transport; meaning, id, serial and key are judged here. Error `certificate.refused`. */
  admit(presented: PresentedLink): Promise<Admission>;
  /** A peer that never became a link, because the transport did not take its certificate or its protocols. Written down, and nothing else. */
  refused(peer: RefusedPeer): Promise<void>;
  /** What the peer of a version 2 link says about itself. Error `agent.flapping`: another process holds this identity, and the two keep replacing each other. */
  introduce(linkId: string, hello: PeerHello): Promise<void>;
  /** The agent's wishes; control keeps what is allowed. Names that are bad were dropped before. */
  advertise(linkId: string, advertisement: Advertisement): Promise<void>;
  /** A sign of life that counts as one: a heartbeat, an advertisement. At most one a second a link. */
  alive(linkId: string): Promise<void>;
  /** The link has ended; a newer link of the same agent is untouched. */
  unlink(linkId: string, reason: string): Promise<void>;
  /** An operator's request becomes a plan with its decision record. Errors: session.refused, route.none, agent.offline, policy.denied, target.malformed, limit.reached... */
  authorise(request: ConnectRequest): Promise<Plan>;
  /** An operator's connection shows its token before its first channel: its sessions are in use. Errors session.refused, store.busy. */
  attach(request: AttachRequest): Promise<void>;
  /** The connection has ended and nothing that it asked for is under way: sessions that only it used end. */
  detach(connection: string): Promise<void>;
  /** A renewal CSR from an authenticated link. */
  renew(linkId: string, request: RenewalRequest): Promise<RenewedIdentity>;
  /** What became of channels, in order. */
  report(event: ChannelEvent): Promise<void>;
}

/** What control hears about an edge from whoever keeps it running; in one process with control an edge cannot be lost. */
export interface EdgeKeeping {
  /** Its process has ended: no link, channel or connection of it is left. Calls of it that are still answered count for nothing. */
  lost(loss: { readonly pid: number; readonly reason: string }): Promise<void>;
  /** Another process serves in its place. */
  restarted(next: { readonly pid: number; readonly reason: string; readonly restarts: number }): void;
}

/** How the edge's process fares. */
export interface EdgeStatus {
  /** Null while none runs. */
  readonly pid: number | null;
  readonly restarts: number;
  /** When this process began to serve, monotonic. */
  readonly since: number;
  readonly memoryBytes: number;
  /** How late its event loop was at its last sign of life. */
  readonly lateMs: number;
  /** Why the last one was lost. */
  readonly lastLoss: string | null;
}

/** What control orders of an edge. */
export interface EdgeForControl {
  closeLink(linkId: string, reason: string): Promise<void>;
  /** Ends a session on a link: its channels are reset, the agent is told. */
  endSession(sessionId: string, reason: string): Promise<void>;
  /** Cuts these channels; their sessions go on. Those that have ended are passed over. */
  endChannels(channelIds: readonly string[], reason: string): Promise<void>;
  /** The agent gets the material of a session that is open with it; elsewhere nothing is to be done. */
  updateSession(lease: SessionLease): Promise<void>;
  /** Tells the programs behind these connections why a session of theirs ends. Connections that know no notices are passed over. */
  tellOperators(connections: readonly string[], notice: SessionNotice): Promise<void>;
  assign(linkId: string, assignment: Assignment): Promise<void>;
  /** Ends a link as soon as it carries nothing, so that its agent dials again; until then it goes on as before. */
  endWhenIdle(linkId: string, reason: string): Promise<void>;
  /** New certificate, same key. */
  useCertificate(certificatePem: string, trustedCaPem: string): Promise<void>;
  /** New channels are refused, agents are told to move within `delayMs`; resolves when the last channel ended or the delay passed. */
  drain(delayMs: number): Promise<void>;
}

export interface SessionNotice {
  readonly reason: CloseReason;
  /** For a screen. */
  readonly message: string;
  /** Absent where it is about all of them. */
  readonly sessionId?: string | undefined;
  /** It has not ended: it will in so long, unless its operator does something. */
  readonly endsInMs?: number | undefined;
}

export interface PresentedLink {
  readonly certificate: Uint8Array;
  readonly protocol: 1 | 2;
  readonly transport: TransportName;
  readonly remote: SocketAddress;
}

export interface Admission {
  readonly linkId: string;
  readonly agentId: string;
  readonly agent: string;
  readonly assignment: Assignment;
}

/** What an administrator allows this agent: routes in canonical text, port ranges inclusive. */
export interface Assignment {
  readonly subnets: readonly string[];
  readonly names: readonly string[];
  readonly ports: readonly PortRange[];
  readonly kinds: readonly ChannelKind[];
}

export type ChannelKind = 'tcp';
export type PortRange = readonly [first: number, last: number];

export interface PeerHello {
  readonly software: string;
  readonly os: string;
  readonly arch: string;
  readonly hostname: string;
  /** Why the agent uses this transport, in its own words. */
  readonly transportReason?: string | undefined;
  /** Random for each process of the agent; missing from peers that do not say. */
  readonly instance?: string | undefined;
}

export interface Advertisement {
  readonly epoch: bigint;
  /** CIDR in canonical text. */
  readonly subnets: readonly string[];
  readonly names: readonly { readonly name: string; readonly autoDetected: boolean }[];
}

export interface ConnectRequest {
  /** From Proxy-Authorization. */
  readonly sessionToken: string;
  /** The CONNECT authority as it was written. */
  readonly target: string;
  readonly remote: SocketAddress;
  /** Where sessions shall end with the operator's connection: its id, which the edge chose. */
  readonly connection?: string | undefined;
}

export interface AttachRequest {
  readonly sessionToken: string;
  readonly connection: string;
  /** The operator is at work: counts as activity. */
  readonly active?: boolean | undefined;
}

export interface Plan {
  readonly channelId: string;
  /** In order; the first that connects wins. Never empty. */
  readonly ways: readonly Way[];
}

export interface Way {
  /** Empty where the edge connects itself. */
  readonly linkId: string;
  readonly agentId: string;
  readonly agent: string;
  /** No agent carries it: the edge connects to one of these addresses, which control has judged. */
  readonly direct?: readonly SocketAddress[] | undefined;
  /** Canonical; an alternate's where this way leads there. */
  readonly target: string;
  readonly session: SessionLease;
}

export interface SessionLease {
  readonly sessionId: string;
  readonly operator: string;
  readonly idleLimitMs: number;
  /** Signed by control; what a version 2 agent demands. Changes when renewed. */
  readonly material: string;
}

export interface RenewalRequest {
  readonly csrPem: string;
  /** Whoever holds the link's key wants it replaced by that of the request. */
  readonly newKey: boolean;
}

export interface RenewedIdentity {
  readonly certificatePem: string;
  readonly caPem: string;
  /** JWKS as JSON text. */
  readonly sessionKeys: string;
}

export type ChannelEvent =
  | {
      readonly kind: 'opened';
      readonly channelId: string;
      readonly sessionId: string;
      readonly agent: string;
      readonly target: string;
      readonly address: string | null;
    }
  | {
      readonly kind: 'refused';
      readonly channelId: string;
      readonly sessionId: string;
      readonly agent: string;
      readonly target: string;
      readonly code: ErrorCode;
      readonly reason: string;
      readonly last: boolean;
    }
  /** Bytes of the operator have passed since it was told last, or since it was opened. */
  | {
      readonly kind: 'active';
      readonly channelId: string;
      readonly sessionId: string;
    }
  | {
      readonly kind: 'ended';
      readonly channelId: string;
      readonly sessionId: string;
      readonly bytesUp: number;
      readonly bytesDown: number;
      readonly reason: string;
    };
