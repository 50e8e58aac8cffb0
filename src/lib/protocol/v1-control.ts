// Version 1 control messages, byte for byte the reference's; strict in what we send, patient with what released agents send.

import { escapeText } from '../base/escape.ts';
import { LIMITS } from '../base/limits.ts';
import { isNamePattern } from '../routing/name-pattern.ts';
import { formatSubnet, makeSubnet, parseSubnet } from '../routing/subnet.ts';
import type { CertRenewalGranted, CertRenewalRefused, CertRenewalRequest, Decoded, Heartbeat, HeartbeatAck, RouteAdvertise, RouteName } from './messages.ts';
import { Reader } from './reader.ts';
import { Writer } from './writer.ts';

const VERSION = 1;
const TAG = {
  'route-advertise': 0x01,
  heartbeat: 0x02,
  'heartbeat-ack': 0x03,
  'cert-renewal-request': 0x04,
  'cert-renewal-granted': 0x05,
  'cert-renewal-refused': 0x05,
} as const;
const GRANTED = 0x00;
const REFUSED = 0x01;

export type V1AgentMessage = RouteAdvertise | Heartbeat | CertRenewalRequest;
export type V1GatewayMessage = HeartbeatAck | CertRenewalGranted | CertRenewalRefused;
export type V1ControlMessage = V1AgentMessage | V1GatewayMessage;

/** Error `protocol.violation` for what version 1 cannot say: IPv6 subnets, bad names. Session keys have no place and are left out. */
export function encodeV1Control(message: V1ControlMessage): Uint8Array {
  const writer = new Writer(message.kind);
  writer.u8(TAG[message.kind], 'tag');
  writer.u16(VERSION, 'version');
  switch (message.kind) {
    case 'route-advertise':
      writeRoutes(writer, message);
      break;
    case 'heartbeat':
      writer.u64(message.sentAtMs, 'sentAtMs');
      writer.u32(message.streams, 'streams');
      break;
    case 'heartbeat-ack':
      writer.u64(message.sentAtMs, 'sentAtMs');
      break;
    case 'cert-renewal-request':
      writer.string(message.csrPem, 'csrPem');
      break;
    case 'cert-renewal-granted':
      writer.u8(GRANTED, 'result');
      writer.string(message.certificatePem, 'certificatePem');
      writer.string(message.caPem, 'caPem');
      break;
    case 'cert-renewal-refused':
      writer.u8(REFUSED, 'result');
      writer.string(message.reason, 'reason');
      break;
  }
  return writer.done();
}

/** What an agent sent. Error `protocol.violation`; another version gives no message but a warning. */
export function decodeV1FromAgent(payload: Uint8Array): Decoded<V1AgentMessage> {
  return decode<V1AgentMessage>(payload, {
    1: ['route-advertise', readRoutes],
    2: ['heartbeat', readHeartbeat],
    4: ['cert-renewal-request', readRenewalRequest],
  });
}

/** What a gateway sent; as `decodeV1FromAgent`. */
export function decodeV1FromGateway(payload: Uint8Array): Decoded<V1GatewayMessage> {
  return decode<V1GatewayMessage>(payload, { 3: ['heartbeat-ack', readHeartbeatAck], 5: ['cert-renewal-response', readRenewalResponse] });
}

type Decoders<Message> = Readonly<Record<number, readonly [name: string, read: (reader: Reader, warnings: string[]) => Message]>>;

function decode<Message>(payload: Uint8Array, decoders: Decoders<Message>): Decoded<Message> {
  const tag = new Reader(payload, 'control message').u8('tag');
  const [name, read] = decoders[tag] ?? [`control message ${tag}`, undefined];
  const reader = new Reader(payload.subarray(1), name);
  if (read === undefined) return reader.fail('', 'is unknown, or not for this side to send');
  const version = reader.u16('version');
  if (version !== VERSION) return { message: undefined, warnings: [`${name}: version ${version} ignored, only ${VERSION} is supported`] };
  const warnings: string[] = [];
  const message = read(reader, warnings);
  if (reader.remaining > 0) warnings.push(`${name}: ${reader.remaining} trailing bytes ignored`);
  return { message, warnings };
}

function writeRoutes(writer: Writer, { epoch, subnets, names }: RouteAdvertise): void {
  writer.u64(epoch, 'epoch');
  writer.u32(subnets.length, 'subnets');
  for (const text of subnets) {
    const { family, base, prefix } = parseSubnet(text);
    if (family !== 4) writer.fail('subnets', `cannot carry ${text} on version 1`);
    writer.bytes(base);
    writer.u8(prefix, 'prefix');
  }
  writer.u32(names.length, 'names');
  for (const { name, autoDetected } of names) {
    if (!isNamePattern(name)) writer.fail('names', `has a bad name: "${escapeText(name)}"`);
    writer.string(name, 'names');
    writer.u8(autoDetected ? 1 : 0, 'autoDetected');
  }
}

/** Host bits are masked; bad, repeated and surplus names and surplus subnets are dropped with a warning: released agents send them (reference.md, 0 and 5). */
function readRoutes(reader: Reader, warnings: string[]): RouteAdvertise {
  const epoch = reader.u64('epoch');
  const subnets = new Set<string>();
  let surplus = 0;
  for (let left = readCount(reader, 'subnets', 5); left > 0; left -= 1) {
    const address = reader.bytes(4, 'subnets.base');
    const prefix = reader.u8('subnets.prefix');
    if (prefix > 32) reader.fail('subnets.prefix', `is above 32: ${prefix}`);
    if (subnets.size < LIMITS.routesPerAgent) subnets.add(formatSubnet(makeSubnet(address, prefix)));
    else surplus += 1;
  }
  const names = new Map<string, RouteName>();
  for (let left = readCount(reader, 'names', 5); left > 0; left -= 1) {
    const written = reader.string('names.name');
    const autoDetected = reader.u8('names.autoDetected') !== 0;
    const name = written.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
    if (names.size >= LIMITS.routesPerAgent) surplus += 1;
    else if (names.has(name)) warn(warnings, `name repeated: "${shown(written)}"`);
    else if (!isNamePattern(name)) warn(warnings, `bad name dropped: "${shown(written)}"`);
    else names.set(name, { name, autoDetected });
  }
  if (surplus > 0) warnings.push(`route-advertise: ${surplus} routes beyond the first ${LIMITS.routesPerAgent} dropped`);
  return { kind: 'route-advertise', epoch, subnets: [...subnets], names: [...names.values()] };
}

/** A hostile frame holds 200 000 bad names; nobody reads as many warnings. */
const MOST_WARNINGS = 20;

function warn(warnings: string[], text: string): void {
  if (warnings.length < MOST_WARNINGS) warnings.push(`route-advertise: ${text}`);
}

function shown(name: string): string {
  return escapeText(name.slice(0, 80));
}

/** A count that the remaining bytes can hold, each item taking `leastBytes` or more. */
function readCount(reader: Reader, field: string, leastBytes: number): number {
  const count = reader.u32(field);
  if (count * leastBytes > reader.remaining) reader.fail(field, `is truncated: ${count} announced, ${reader.remaining} bytes left`);
  return count;
}

function readHeartbeat(reader: Reader): Heartbeat {
  return { kind: 'heartbeat', sentAtMs: reader.u64('sentAtMs'), streams: reader.u32('streams') };
}

function readHeartbeatAck(reader: Reader): HeartbeatAck {
  return { kind: 'heartbeat-ack', sentAtMs: reader.u64('sentAtMs') };
}

function readRenewalRequest(reader: Reader): CertRenewalRequest {
  return { kind: 'cert-renewal-request', csrPem: reader.string('csrPem') };
}

function readRenewalResponse(reader: Reader): CertRenewalGranted | CertRenewalRefused {
  const result = reader.u8('result');
  if (result === REFUSED) return { kind: 'cert-renewal-refused', reason: reader.string('reason') };
  if (result !== GRANTED) reader.fail('result', `is unknown: ${result}`);
  return { kind: 'cert-renewal-granted', certificatePem: reader.string('certificatePem'), caPem: reader.string('caPem'), sessionKeys: undefined };
}
