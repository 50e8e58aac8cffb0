// The gateway's end of a channel: opens a stream, asks the agent for the target, hands over the stream for raw bytes or the reason why not.

import { within } from '../base/deadline.ts';
import { TunnelError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { World } from '../base/world.ts';
import { type ChannelTiming, microseconds, refusalError, TimedRefusal } from '../protocol/refusal.ts';
import { decodeConnectResponse, encodeConnectRequest, refusalOfText } from '../protocol/v1-connect.ts';
import { decodeV2ChannelResponse, encodeV2ChannelOpen } from '../protocol/v2-channel.ts';
import { type Link, type LinkStream, StreamReset } from '../transport/link.ts';
import type { FirstBytes } from './first-bytes.ts';
import { adopt, readFrame, writeFrame } from './frames.ts';
import { closeForViolation, FRAME_BYTES, RESET, type Version, versionOf } from './version.ts';

export interface ChannelRequest {
  readonly sessionId: string;
  readonly channelId: string;
  /** Canonical `host:port`. */
  readonly target: string;
}

export interface OpenedChannel {
  /** Raw bytes from here on, both ways; the caller's to end. */
  readonly stream: LinkStream;
  /** What the agent judged and connected to; version 1 does not say. */
  readonly address: string | null;
  readonly timing: ChannelTiming;
}

const RESPONSE_MS: Readonly<Record<Version, number>> = { 1: LIMITS.connectResponseV1Ms, 2: LIMITS.connectResponseV2Ms };

/**
 * A TCP channel to `target`. On version 2 the session must be open on this link. Errors: the refusals as protocol/refusal.ts maps them, `agent.failed` for a refusal without
 * a reason (released agents give none), `streams.exhausted`, `agent.silent`, `link.lost`, `protocol.violation` (the link is closed then), the signal's reason.
 * `first` leaves with the request, on version 1 after the answer: its agents may drop what follows a request.
 */
export async function openChannel(link: Link, request: ChannelRequest, { clock }: World, signal: AbortSignal, first?: FirstBytes): Promise<OpenedChannel> {
  const version = versionOf(link);
  const exhausted = () =>
    new TunnelError('streams.exhausted', `the agent gave no room for another stream within ${LIMITS.streamCreditMs} ms, ${link.streams} are open`);
  // Credit comes back in a round trip or, from a stock agent that leaks streams, never.
  const stream = adopt(await within(clock, LIMITS.streamCreditMs, exhausted, signal, (signal) => link.openStream(signal)));
  try {
    const silent = () => new TunnelError('agent.silent', `the agent did not answer for ${request.target} within ${RESPONSE_MS[version]} ms`);
    const asked = clock.monotonic();
    const opened = await within(clock, RESPONSE_MS[version], silent, signal, async (signal) => {
      const maxBytes = FRAME_BYTES[version].session;
      await writeFrame(stream, encodeRequest(version, request), maxBytes, clock, signal);
      using _early = version === 2 ? first?.sendEarly(stream, link, clock) : undefined;
      const payload = await readResponse(() => readFrame(stream, maxBytes, clock, signal));
      const answerUs = microseconds(clock.monotonic() - asked);
      return version === 1 ? judgeV1(payload, answerUs) : judgeV2(payload, answerUs);
    });
    first?.sendLate(stream);
    return { stream, ...opened };
  } catch (error) {
    if (error instanceof TimedRefusal) first?.refused();
    const violated = error instanceof TunnelError && error.code === 'protocol.violation';
    stream.destroy(new StreamReset(violated ? RESET.violation : RESET.gaveUp));
    if (violated) await closeForViolation(link, error);
    throw error;
  }
}

function encodeRequest(version: Version, { sessionId, channelId, target }: ChannelRequest): Uint8Array {
  return version === 1
    ? encodeConnectRequest({ sessionId, target })
    : encodeV2ChannelOpen({ kind: 'channel-open', sessionId, channelId, channel: 'tcp', target });
}

/** Released agents refuse by ending or resetting the stream without a word, also in the middle of one. */
async function readResponse(read: () => Promise<Uint8Array | undefined>): Promise<Uint8Array> {
  const unexplained = (cause?: unknown) => new TunnelError('agent.failed', 'the agent refused without saying why', { cause });
  let payload: Uint8Array | undefined;
  try {
    payload = await read();
  } catch (error) {
    throw error instanceof StreamReset ? unexplained(error) : error;
  }
  if (payload === undefined) throw unexplained();
  return payload;
}

function judgeV1(payload: Uint8Array, answerUs: number): Omit<OpenedChannel, 'stream'> {
  const { message } = decodeConnectResponse(payload);
  if (message.connected) return { address: null, timing: { answerUs } };
  const code = refusalOfText(message.reason);
  throw new TimedRefusal(code === undefined ? new TunnelError('agent.failed', message.reason) : refusalError(code, message.reason), { answerUs });
}

function judgeV2(payload: Uint8Array, answerUs: number): Omit<OpenedChannel, 'stream'> {
  const message = decodeV2ChannelResponse(payload);
  const timing = { resolveUs: message.resolveUs, connectUs: message.connectUs, answerUs };
  if (message.kind === 'channel-accept') return { address: message.address, timing };
  throw new TimedRefusal(refusalError(message.code, message.reason), timing);
}
