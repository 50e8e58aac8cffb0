// Random messages of both versions for the codecs' property tests.
import fc from 'fast-check';
import type { AgentMessage, ChannelAccept, ChannelKind, ChannelOpen, ChannelRefuse, GatewayMessage } from '../../src/lib/protocol/messages.ts';
import type { EdgeAnswer, EdgeGranted, EdgeNotice, EdgeRefused, OperatorAttach, OperatorConnect, OperatorRequest } from '../../src/lib/protocol/operator.ts';
import { REFUSAL_NUMBERS, type Refusal } from '../../src/lib/protocol/refusal.ts';
import type { ConnectRequest, ConnectResponse } from '../../src/lib/protocol/v1-connect.ts';
import type { V1AgentMessage, V1GatewayMessage } from '../../src/lib/protocol/v1-control.ts';
import { formatSubnet, makeSubnet } from '../../src/lib/routing/subnet.ts';

const record = <Value>(model: { [Name in keyof Value]: fc.Arbitrary<Value[Name]> }) => fc.record(model, { noNullPrototype: true });
const u32 = fc.nat(0xffff_ffff);
const u64 = fc.bigInt(0n, 2n ** 64n - 1n);
const uuid = fc.uuid();
const shortText = fc.string({ unit: 'grapheme', maxLength: 20 });
const longText = fc.string({ unit: 'grapheme', maxLength: 200 });
const kind = <Kind extends string>(name: Kind) => fc.constant(name);

export const subnet4 = subnetOf(4);
const subnet = fc.oneof(subnet4, subnetOf(16));
const label = fc.stringMatching(/^[a-z0-9_]([a-z0-9_-]{0,8}[a-z0-9_])?$/);
export const namePattern = fc
  .tuple(fc.boolean(), fc.array(label, { minLength: 1, maxLength: 4 }))
  .map(([wild, labels]) => (wild ? '*.' : '') + labels.join('.'));
const routeName = record({ name: namePattern, autoDetected: fc.boolean() });
const portRange = fc.tuple(fc.integer({ min: 1, max: 65535 }), fc.integer({ min: 1, max: 65535 })).map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);
const channelKind = fc.constantFrom<ChannelKind>('tcp', 'udp', 'terminal', 'command', 'file');
const refusal = fc.constantFrom(...(Object.keys(REFUSAL_NUMBERS) as Refusal[]));

const heartbeat = record({ kind: kind('heartbeat'), sentAtMs: u64, streams: u32 });
const heartbeatAck = record({ kind: kind('heartbeat-ack'), sentAtMs: u64 });
const renewalRequest = record({ kind: kind('cert-renewal-request'), csrPem: longText });
const rotation = record({ kind: kind('cert-renewal-request'), csrPem: longText, newKey: fc.constantFrom(true, undefined) });
const renewalRefused = record({ kind: kind('cert-renewal-refused'), reason: longText });
const renewalRefusedWithCode = record({ kind: kind('cert-renewal-refused'), reason: longText, code: fc.option(shortText, { nil: undefined }) });
const hello = record({
  kind: kind('hello'),
  software: shortText,
  os: shortText,
  arch: shortText,
  hostname: shortText,
  capabilities: fc.array(shortText, { maxLength: 5 }),
  transportReason: fc.option(longText, { nil: undefined }),
  instance: fc.option(shortText, { nil: undefined }),
});
const sessionClose = record({ kind: kind('session-close'), sessionId: uuid, reason: longText });

export const v1AgentMessage: fc.Arbitrary<V1AgentMessage> = fc.oneof(
  record({
    kind: kind('route-advertise'),
    epoch: u64,
    subnets: fc.uniqueArray(subnet4, { maxLength: 10 }),
    names: fc.uniqueArray(routeName, { maxLength: 10, selector: ({ name }) => name }),
  }),
  heartbeat,
  renewalRequest,
);

export const v1GatewayMessage: fc.Arbitrary<V1GatewayMessage> = fc.oneof(
  heartbeatAck,
  record({ kind: kind('cert-renewal-granted'), certificatePem: longText, caPem: longText, sessionKeys: fc.constant(undefined) }),
  renewalRefused,
);

export const v2AgentMessage: fc.Arbitrary<AgentMessage> = fc.oneof(
  hello,
  record({ kind: kind('route-advertise'), epoch: u64, subnets: fc.array(subnet, { maxLength: 10 }), names: fc.array(routeName, { maxLength: 10 }) }),
  heartbeat,
  rotation,
  record({ kind: kind('session-ready'), sessionId: uuid, revision: u32 }),
  record({ kind: kind('session-refused'), sessionId: uuid, revision: u32, code: refusal, reason: longText }),
  sessionClose,
);

export const v2GatewayMessage: fc.Arbitrary<GatewayMessage> = fc.oneof(
  hello,
  record({
    kind: kind('assignment'),
    subnets: fc.array(subnet, { maxLength: 10 }),
    names: fc.array(namePattern, { maxLength: 10 }),
    ports: fc.array(portRange, { maxLength: 10 }),
    channels: fc.array(channelKind, { maxLength: 5 }),
    renew: fc.constantFrom(true, undefined),
  }),
  heartbeatAck,
  record({ kind: kind('cert-renewal-granted'), certificatePem: longText, caPem: longText, sessionKeys: fc.option(longText, { nil: undefined }) }),
  renewalRefusedWithCode,
  record({ kind: kind('session-open'), sessionId: uuid, revision: u32, operator: shortText, idleLimitMs: u32, material: longText }),
  record({ kind: kind('session-update'), sessionId: uuid, revision: u32, idleLimitMs: u32, material: longText }),
  sessionClose,
  record({ kind: kind('drain'), delayMs: u32, reason: longText }),
);

export const v1ConnectRequest: fc.Arbitrary<ConnectRequest> = record({ sessionId: uuid, target: shortText });

export const v1ConnectResponse: fc.Arbitrary<ConnectResponse> = fc.oneof(
  record({ connected: fc.constant<true>(true) }),
  record({ connected: fc.constant<false>(false), reason: longText }),
);

export const channelOpen: fc.Arbitrary<ChannelOpen> = record({
  kind: kind('channel-open'),
  sessionId: uuid,
  channelId: uuid,
  channel: channelKind,
  target: shortText,
});

const optionalU32 = fc.option(u32, { nil: undefined });
const timing = { resolveUs: optionalU32, connectUs: optionalU32 };

export const channelResponse: fc.Arbitrary<ChannelAccept | ChannelRefuse> = fc.oneof(
  record({ kind: kind('channel-accept'), address: shortText, ...timing }),
  record({ kind: kind('channel-refuse'), code: refusal, reason: longText, ...timing }),
);

/** Payloads that begin like a message, or not at all. */
export const junk = fc.oneof(
  fc.uint8Array({ maxLength: 400 }),
  fc.tuple(fc.nat(0x22), fc.uint8Array({ maxLength: 400 })).map(([tag, rest]) => Uint8Array.from([tag, ...rest])),
);

function subnetOf(size: 4 | 16): fc.Arbitrary<string> {
  return fc
    .tuple(fc.uint8Array({ minLength: size, maxLength: size }), fc.integer({ min: 0, max: size * 8 }))
    .map(([address, prefix]) => formatSubnet(makeSubnet(address, prefix)));
}

const optionalText = fc.option(shortText, { nil: undefined });
export const operatorRequest: fc.Arbitrary<OperatorRequest> = fc.oneof(
  record<OperatorConnect>({ kind: kind('operator-connect'), token: shortText, target: shortText }),
  record<OperatorAttach>({ kind: kind('operator-attach'), token: shortText, active: fc.option(fc.constant(true as const), { nil: undefined }) }),
);
export const edgeAnswer: fc.Arbitrary<EdgeAnswer> = fc.oneof(
  record<EdgeGranted>({ kind: kind('edge-granted'), agent: optionalText, address: optionalText, ...timing, answerUs: optionalU32 }),
  record<EdgeRefused>({ kind: kind('edge-refused'), code: shortText, message: longText, hint: optionalText, ...timing, answerUs: optionalU32 }),
);
export const edgeNotices: fc.Arbitrary<EdgeNotice> = record<EdgeNotice>({
  kind: kind('edge-notice'),
  reason: shortText,
  message: longText,
  sessionId: fc.option(uuid, { nil: undefined }),
  endsInMs: fc.option(u32, { nil: undefined }),
});
