// Version 1 handshake of a forwarded connection, byte for byte the reference's: ConnectRequest and ConnectResponse.
import { TunnelError } from '../base/errors.ts';
import type { Decoded } from './messages.ts';
import { Reader } from './reader.ts';
import { isRefusal, type Refusal } from './refusal.ts';
import { readUuid, writeUuid } from './uuid.ts';
import { Writer } from './writer.ts';

const VERSION = 1;
const REQUEST_TAG = 0x01;
const ACCEPT_TAG = 0x00;
const REFUSE_TAG = 0x01;

export interface ConnectRequest {
  /** Lower-case UUID; several streams may carry the same one. */
  readonly sessionId: string;
  /** `host:port` as the operator wrote it, `[v6]:port`. */
  readonly target: string;
}

export type ConnectResponse = { readonly connected: true } | { readonly connected: false; readonly reason: string };

export function encodeConnectRequest(request: ConnectRequest): Uint8Array {
  const writer = new Writer('connect-request');
  writer.u8(REQUEST_TAG, 'tag');
  writer.u16(VERSION, 'version');
  writeUuid(writer, request.sessionId, 'sessionId');
  writer.string(request.target, 'target');
  return writer.done();
}

/** Error `protocol.violation`, also for another version; only trailing bytes are passed over. */
export function decodeConnectRequest(payload: Uint8Array): Decoded<ConnectRequest> & { readonly message: ConnectRequest } {
  const reader = new Reader(payload, 'connect-request');
  expectTag(reader, REQUEST_TAG);
  expectVersion(reader);
  const message = { sessionId: readUuid(reader, 'sessionId'), target: reader.string('target') };
  return { message, warnings: trailing(reader) };
}

export function encodeConnectResponse(response: ConnectResponse): Uint8Array {
  const writer = new Writer('connect-response');
  writer.u8(response.connected ? ACCEPT_TAG : REFUSE_TAG, 'tag');
  writer.u16(VERSION, 'version');
  if (!response.connected) writer.string(response.reason, 'reason');
  return writer.done();
}

/** As `decodeConnectRequest`. */
export function decodeConnectResponse(payload: Uint8Array): Decoded<ConnectResponse> & { readonly message: ConnectResponse } {
  const reader = new Reader(payload, 'connect-response');
  const tag = reader.u8('tag');
  if (tag !== ACCEPT_TAG && tag !== REFUSE_TAG) reader.fail('tag', `is unknown: ${tag}`);
  expectVersion(reader);
  const message: ConnectResponse = tag === ACCEPT_TAG ? { connected: true } : { connected: false, reason: reader.string('reason') };
  return { message, warnings: trailing(reader) };
}

/** How our agent writes a refusal where only text can travel: the code first, so that our gateway finds it again. */
export function refusalText(code: Refusal, reason: string): string {
  return `${code}: ${reason}`;
}

/** The texts of the reference's agent (master; observed), most telling first. */
const REFERENCE_TEXTS: readonly (readonly [RegExp, Refusal])[] = [
  [/^TCP connect failed .*(refused|os error (111|61|10061)\b)/i, 'refused'],
  [/^TCP connect failed /, 'unreachable'],
  [/not in advertised subnets|resolved to no address this agent advertises/, 'not-routed'],
  [/^resolve target /, 'dns-failed'],
  [/^timed out after /, 'timed-out'],
  [/^(parse connect target|unsupported protocol version)/, 'bad-request'],
];

/** What a version 1 reason says in our codes; undefined where it says nothing known. */
export function refusalOfText(reason: string): Refusal | undefined {
  const code = reason.slice(0, Math.max(0, reason.indexOf(': ')));
  return isRefusal(code) ? code : REFERENCE_TEXTS.find(([pattern]) => pattern.test(reason))?.[1];
}

function expectTag(reader: Reader, expected: number): void {
  const tag = reader.u8('tag');
  if (tag !== expected) reader.fail('tag', `is unknown: ${tag}`);
}

function expectVersion(reader: Reader): void {
  const version = reader.u16('version');
  if (version !== VERSION) throw new TunnelError('protocol.violation', `${reader.name}.version ${version} is not supported, only ${VERSION} is`);
}

function trailing(reader: Reader): string[] {
  return reader.remaining === 0 ? [] : [`${reader.name}: ${reader.remaining} trailing bytes ignored`];
}
