// Version 2 control messages by tag and layout (docs/protocol.md, 3); tags 1 to 5 mean what they mean in version 1.
import { LIMITS } from '../base/limits.ts';
import type {
  AgentMessage,
  Assignment,
  CertRenewalGranted,
  CertRenewalRefused,
  CertRenewalRequest,
  ControlMessage,
  Drain,
  GatewayMessage,
  Heartbeat,
  HeartbeatAck,
  Hello,
  RouteAdvertise,
  SessionClose,
  SessionOpen,
  SessionReady,
  SessionRefused,
  SessionUpdate,
} from './messages.ts';
import { REASON_BYTES } from './refusal.ts';
import { family, message, optional, required } from './v2-fields.ts';
import { channelKind, list, mark, namePattern, portRange, refusal, routeName, string, subnet, text, u32, u64, uuid } from './v2-types.ts';

const KIB = 1024;
const SHORT_TEXT = 255;
const PEM = 64 * KIB;
const MATERIAL = 16 * KIB;
const ITEMS = 256;

const routeAdvertise = message<RouteAdvertise>('route-advertise', 0x01, {
  epoch: required(1, u64),
  subnets: required(2, list(subnet, LIMITS.routesPerAgent)),
  names: required(3, list(routeName, LIMITS.routesPerAgent)),
});

const heartbeat = message<Heartbeat>('heartbeat', 0x02, { sentAtMs: required(1, u64), streams: required(2, u32) });

const heartbeatAck = message<HeartbeatAck>('heartbeat-ack', 0x03, { sentAtMs: required(1, u64) });

const certRenewalRequest = message<CertRenewalRequest>('cert-renewal-request', 0x04, { csrPem: required(1, text(PEM)), newKey: optional(2, mark) });

const certRenewalGranted = message<CertRenewalGranted>('cert-renewal-granted', 0x05, {
  certificatePem: required(1, text(PEM)),
  caPem: required(2, text(PEM)),
  sessionKeys: optional(3, text(PEM)),
});

const certRenewalRefused = message<CertRenewalRefused>('cert-renewal-refused', 0x06, {
  reason: required(1, text(REASON_BYTES)),
  code: optional(2, text(SHORT_TEXT)),
});

const hello = message<Hello>('hello', 0x07, {
  software: required(1, text(SHORT_TEXT)),
  os: required(2, text(SHORT_TEXT)),
  arch: required(3, text(SHORT_TEXT)),
  hostname: required(4, text(SHORT_TEXT)),
  capabilities: required(5, list(string, ITEMS)),
  transportReason: optional(6, text(REASON_BYTES)),
  instance: optional(7, text(SHORT_TEXT)),
});

const assignment = message<Assignment>('assignment', 0x08, {
  subnets: required(1, list(subnet, LIMITS.routesPerAgent)),
  names: required(2, list(namePattern, LIMITS.routesPerAgent)),
  ports: required(3, list(portRange, LIMITS.routesPerAgent)),
  channels: required(4, list(channelKind, ITEMS)),
  renew: optional(5, mark),
});

const drain = message<Drain>('drain', 0x09, { delayMs: required(1, u32), reason: required(2, text(REASON_BYTES)) });

const sessionOpen = message<SessionOpen>('session-open', 0x10, {
  sessionId: required(1, uuid),
  revision: required(2, u32),
  operator: required(3, text(SHORT_TEXT)),
  idleLimitMs: required(4, u32),
  material: required(5, text(MATERIAL)),
});

const sessionUpdate = message<SessionUpdate>('session-update', 0x11, {
  sessionId: required(1, uuid),
  revision: required(2, u32),
  idleLimitMs: required(3, u32),
  material: required(4, text(MATERIAL)),
});

const sessionReady = message<SessionReady>('session-ready', 0x12, { sessionId: required(1, uuid), revision: required(2, u32) });

const sessionRefused = message<SessionRefused>('session-refused', 0x13, {
  sessionId: required(1, uuid),
  revision: required(2, u32),
  code: required(3, refusal),
  reason: required(4, text(REASON_BYTES)),
});

const sessionClose = message<SessionClose>('session-close', 0x14, { sessionId: required(1, uuid), reason: required(2, text(REASON_BYTES)) });

const agentCodecs = {
  hello,
  'route-advertise': routeAdvertise,
  heartbeat,
  'cert-renewal-request': certRenewalRequest,
  'session-ready': sessionReady,
  'session-refused': sessionRefused,
  'session-close': sessionClose,
};

const gatewayCodecs = {
  hello,
  assignment,
  'heartbeat-ack': heartbeatAck,
  'cert-renewal-granted': certRenewalGranted,
  'cert-renewal-refused': certRenewalRefused,
  'session-open': sessionOpen,
  'session-update': sessionUpdate,
  'session-close': sessionClose,
  drain,
};

/** Error `protocol.violation` for a value that its field cannot hold. */
export const encodeV2Control = family<ControlMessage>('control message', { ...agentCodecs, ...gatewayCodecs }).encode;
/** What an agent sent. Error `protocol.violation` for whatever is not exactly one message of an agent. */
export const decodeV2FromAgent = family<AgentMessage>('control message', agentCodecs).decode;
/** What a gateway sent; as `decodeV2FromAgent`. */
export const decodeV2FromGateway = family<GatewayMessage>('control message', gatewayCodecs).decode;
