// What agents and gateways say to each other, whichever version's bytes carry it: the values that both ends work with.
import type { Refusal } from './refusal.ts';

/** Agent to gateway: what it can reach. A higher epoch replaces, the same refreshes, a lower one is ignored; counted within one link, from 1. */
export interface RouteAdvertise {
  readonly kind: 'route-advertise';
  readonly epoch: bigint;
  /** CIDR in canonical text. */
  readonly subnets: readonly string[];
  readonly names: readonly RouteName[];
}

export interface RouteName {
  /** `db.corp.example` or `*.corp.example`. */
  readonly name: string;
  readonly autoDetected: boolean;
}

/** Agent to gateway. `streams` are those that carry channels. */
export interface Heartbeat {
  readonly kind: 'heartbeat';
  /** The sender's clock, ms since 1970; only its echo means anything. */
  readonly sentAtMs: bigint;
  readonly streams: number;
}

export interface HeartbeatAck {
  readonly kind: 'heartbeat-ack';
  readonly sentAtMs: bigint;
}

export interface CertRenewalRequest {
  readonly kind: 'cert-renewal-request';
  readonly csrPem: string;
  /** Version 2: the key of the request is a new one, and the link itself says that the old one wants it so. Missing: it must be the link's own. */
  readonly newKey?: true | undefined;
}

export interface CertRenewalGranted {
  readonly kind: 'cert-renewal-granted';
  readonly certificatePem: string;
  readonly caPem: string;
  /** JWKS as JSON text; undefined on version 1, which has no session material. */
  readonly sessionKeys: string | undefined;
}

export interface CertRenewalRefused {
  readonly kind: 'cert-renewal-refused';
  readonly reason: string;
  /** Version 2: one of our error codes, if the reader knows it. */
  readonly code?: string | undefined;
}

/** Both ways, first message of a version 2 control stream. For people and for `capabilities`; never for trust. */
export interface Hello {
  readonly kind: 'hello';
  readonly software: string;
  readonly os: string;
  readonly arch: string;
  readonly hostname: string;
  /** What the sender understands beyond the base of version 2. */
  readonly capabilities: readonly string[];
  /** From an agent: why the link uses this transport, such as `QUIC did not complete within 1.5 s`. */
  readonly transportReason?: string | undefined;
  /** From an agent: chosen at random when its process starts, so that two processes with one identity can be told from one that moves. */
  readonly instance?: string | undefined;
}

/** Gateway to agent: what it is allowed to offer; after Hello and at every change. */
export interface Assignment {
  readonly kind: 'assignment';
  readonly subnets: readonly string[];
  readonly names: readonly string[];
  /** Inclusive. */
  readonly ports: readonly (readonly [first: number, last: number])[];
  readonly channels: readonly ChannelKind[];
  /** The gateway's CA was replaced: the certificate of this link should be renewed now, whatever its age. */
  readonly renew?: true | undefined;
}

/** Gateway to agent: move to another edge, or dial again, within `delayMs`; the link ends after it. */
export interface Drain {
  readonly kind: 'drain';
  readonly delayMs: number;
  readonly reason: string;
}

/** Gateway to agent. Answered by SessionReady or SessionRefused with the same revision. */
export interface SessionOpen {
  readonly kind: 'session-open';
  readonly sessionId: string;
  /** The gateway's to choose, rising with every open and update on a link. An open for a session that is open counts as its update. */
  readonly revision: number;
  readonly operator: string;
  readonly idleLimitMs: number;
  /** Compact JWS. */
  readonly material: string;
}

/** Gateway to agent: the session goes on under new terms. Answered as SessionOpen. */
export interface SessionUpdate {
  readonly kind: 'session-update';
  readonly sessionId: string;
  readonly revision: number;
  readonly idleLimitMs: number;
  readonly material: string;
}

export interface SessionReady {
  readonly kind: 'session-ready';
  readonly sessionId: string;
  readonly revision: number;
}

export interface SessionRefused {
  readonly kind: 'session-refused';
  readonly sessionId: string;
  readonly revision: number;
  readonly code: Refusal;
  readonly reason: string;
}

/** Either way; its channels end with it. */
export interface SessionClose {
  readonly kind: 'session-close';
  readonly sessionId: string;
  readonly reason: string;
}

export type AgentMessage = Hello | RouteAdvertise | Heartbeat | CertRenewalRequest | SessionReady | SessionRefused | SessionClose;
export type GatewayMessage = Hello | Assignment | HeartbeatAck | CertRenewalGranted | CertRenewalRefused | SessionOpen | SessionUpdate | SessionClose | Drain;
export type ControlMessage = AgentMessage | GatewayMessage;

export type ChannelKind = 'tcp' | 'udp' | 'terminal' | 'command' | 'file';

/** Gateway to agent, first message of a channel's stream. */
export interface ChannelOpen {
  readonly kind: 'channel-open';
  readonly sessionId: string;
  readonly channelId: string;
  readonly channel: ChannelKind;
  /** Canonical `host:port`. */
  readonly target: string;
}

/** How long a channel's beginning took, in whole microseconds; absent: it does not say, or did not come to it. */
export interface DialTiming {
  /** The agent, to resolve the name. */
  readonly resolveUs?: number | undefined;
  /** The agent, to connect, or to fail at it. */
  readonly connectUs?: number | undefined;
}

/** Agent to gateway: raw bytes follow, both ways. */
export interface ChannelAccept extends DialTiming {
  readonly kind: 'channel-accept';
  /** The address that was judged and connected to. */
  readonly address: string;
}

export interface ChannelRefuse extends DialTiming {
  readonly kind: 'channel-refuse';
  readonly code: Refusal;
  readonly reason: string;
}

/** A message beside what a patient decoder passed over on its way to it. */
export interface Decoded<Message> {
  /** Undefined: to be ignored, as a whole. */
  readonly message: Message | undefined;
  /** For the log; empty on version 2, where everything odd is an error. */
  readonly warnings: readonly string[];
}
