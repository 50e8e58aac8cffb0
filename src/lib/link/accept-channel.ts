// The agent's end of a channel: reads what the gateway asks for on a new stream, then accepts, after which raw bytes flow, or refuses with a code.

import { within } from '../base/deadline.ts';
import { TunnelError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { World } from '../base/world.ts';
import { encodeFrame } from '../protocol/frame.ts';
import type { ChannelKind, DialTiming } from '../protocol/messages.ts';
import { fitReason, type Refusal } from '../protocol/refusal.ts';
import { decodeConnectRequest, encodeConnectResponse, refusalText } from '../protocol/v1-connect.ts';
import { decodeV2ChannelOpen, encodeV2ChannelResponse } from '../protocol/v2-channel.ts';
import { type Link, type LinkStream, StreamReset } from '../transport/link.ts';
import { adopt, readFrame } from './frames.ts';
import { FRAME_BYTES, RESET, type Version, versionOf } from './version.ts';

export interface IncomingChannel {
  readonly request: IncomingRequest;
  /** Says that `address` is connected and gives the stream for raw bytes. Once, and instead of `refuse`. */
  accept(address: string, timing?: DialTiming): LinkStream;
  /** Says why not and ends the stream. */
  refuse(code: Refusal, reason: string, timing?: DialTiming): void;
}

export interface IncomingRequest {
  readonly sessionId: string;
  /** Undefined on version 1, which names sessions only. */
  readonly channelId: string | undefined;
  readonly channel: ChannelKind;
  /** As the gateway wrote it: to be parsed. */
  readonly target: string;
}

/**
 * Reads the request from a stream that `link.acceptStream` gave. Errors, the stream being refused or reset by then: `protocol.violation`, `gateway.silent` after 30 s,
 * `link.lost`, a StreamReset, the signal's reason.
 */
export async function acceptChannel(link: Link, stream: LinkStream, { clock }: World, signal: AbortSignal): Promise<IncomingChannel> {
  adopt(stream);
  const version = versionOf(link);
  const maxBytes = FRAME_BYTES[version].session;
  const refuse = (code: Refusal, reason: string, timing: DialTiming = {}) => {
    if (stream.destroyed || stream.writableEnded) return;
    stream.end(encodeFrame(encodeRefusal(version, code, fitReason(reason), timing), maxBytes));
    stream.resume(); // What the gateway had already sent has no reader; it resets when it has read the refusal.
  };
  try {
    const silent = () => new TunnelError('gateway.silent', `the gateway sent no request within ${LIMITS.channelRequestMs} ms`);
    const payload = await within(clock, LIMITS.channelRequestMs, silent, signal, (signal) => readFrame(stream, maxBytes, clock, signal));
    if (payload === undefined) throw new TunnelError('protocol.violation', 'the stream ended before its request');
    const request = decodeRequest(version, payload);
    return { request, refuse, accept: (address, timing = {}) => accept(version, stream, { address, ...timing }, maxBytes) };
  } catch (error) {
    if (error instanceof TunnelError && error.code === 'protocol.violation') refuse('bad-request', error.message);
    else stream.destroy(new StreamReset(RESET.gaveUp));
    throw error;
  }
}

function accept(version: Version, stream: LinkStream, accepted: DialTiming & { readonly address: string }, maxBytes: number): LinkStream {
  const payload = version === 1 ? encodeConnectResponse({ connected: true }) : encodeV2ChannelResponse({ ...accepted, kind: 'channel-accept' });
  if (!stream.destroyed) stream.write(encodeFrame(payload, maxBytes));
  return stream;
}

function decodeRequest(version: Version, payload: Uint8Array): IncomingRequest {
  if (version === 1) return { ...decodeConnectRequest(payload).message, channelId: undefined, channel: 'tcp' };
  const { sessionId, channelId, channel, target } = decodeV2ChannelOpen(payload);
  return { sessionId, channelId, channel, target };
}

function encodeRefusal(version: Version, code: Refusal, reason: string, timing: DialTiming): Uint8Array {
  return version === 1
    ? encodeConnectResponse({ connected: false, reason: refusalText(code, reason) })
    : encodeV2ChannelResponse({ ...timing, kind: 'channel-refuse', code, reason });
}
