// An operator's client and an edge at the beginning of a stream: what is asked, and the answer. Both ends, side by side.
import { TunnelError } from '../base/errors.ts';
import { escapeText } from '../base/escape.ts';
import { LIMITS } from '../base/limits.ts';
import type { Clock } from '../base/world.ts';
import {
  decodeEdgeAnswer,
  decodeEdgeNotice,
  decodeOperatorRequest,
  type EdgeGranted,
  type EdgeNotice,
  edgeNotice,
  encodeEdgeAnswer,
  encodeEdgeNotice,
  encodeOperatorRequest,
  type OperatorRequest,
  refusedAnswer,
  refusedError,
} from '../protocol/operator.ts';
import { type Link, type LinkStream, StreamReset } from '../transport/link.ts';
import type { FirstBytes } from './first-bytes.ts';
import { adopt, readFrame, writeFrame } from './frames.ts';
import { RESET } from './version.ts';

/** Of the connection between our CLI and an edge. */
export const OPERATOR_ALPN = 'tunnel-connect/2';

const MAX_BYTES = LIMITS.sessionFrameV2Bytes;

export interface Answered {
  /** Raw bytes from here on, both ways; the caller's to end. */
  readonly stream: LinkStream;
  readonly agent: string | undefined;
  /** What the edge says of the channel. */
  readonly granted: Omit<EdgeGranted, 'kind' | 'agent'>;
}

/** The client's end. Errors: the edge's refusal; `link.lost` when the connection went before an answer; `protocol.violation`; the signal's reason. */
export async function askEdge(link: Link, request: OperatorRequest, clock: Clock, signal: AbortSignal, first?: FirstBytes): Promise<Answered> {
  const stream = adopt(await link.openStream(signal));
  try {
    await writeFrame(stream, encodeOperatorRequest(request), MAX_BYTES, clock, signal);
    using _early = first?.sendEarly(stream, link, clock);
    const payload = await readFrame(stream, MAX_BYTES, clock, signal);
    if (payload === undefined) throw new TunnelError('protocol.violation', 'the gateway ended the stream without an answer');
    const answer = decodeEdgeAnswer(payload);
    if (answer.kind === 'edge-refused') {
      first?.refused();
      throw refusedError(answer);
    }
    first?.sendLate(stream);
    const { kind: _, agent, address, ...timing } = answer;
    return { stream, agent: agent && escapeText(agent), granted: { ...timing, address: address && escapeText(address) } };
  } catch (error) {
    stream.destroy(new StreamReset(RESET.gaveUp));
    throw error;
  }
}

/** The edge's end. Errors `request.malformed`, `protocol.violation`, `link.lost`, the signal's reason. */
export async function hearRequest(stream: LinkStream, clock: Clock, signal: AbortSignal): Promise<OperatorRequest> {
  const payload = await readFrame(stream, MAX_BYTES, clock, signal);
  if (payload === undefined) throw new TunnelError('request.malformed', 'the stream ended before anything was asked');
  return decodeOperatorRequest(payload);
}

/** Raw bytes may follow at once. Errors as `writeFrame`. */
export async function grantRequest(stream: LinkStream, granted: Omit<EdgeGranted, 'kind'>, clock: Clock, signal: AbortSignal): Promise<void> {
  await writeFrame(stream, encodeEdgeAnswer({ ...granted, kind: 'edge-granted' }), MAX_BYTES, clock, signal);
}

/** On the stream of an attach, after its answer. Errors as `writeFrame`. */
export async function sendNotice(stream: LinkStream, notice: Omit<EdgeNotice, 'kind'>, clock: Clock, signal: AbortSignal): Promise<void> {
  await writeFrame(stream, encodeEdgeNotice(edgeNotice(notice)), MAX_BYTES, clock, signal);
}

/** The client's end: the next notice; undefined when the edge has ended the stream, as one that knows none does at once. Errors as `readFrame`. */
export async function hearNotice(stream: LinkStream, clock: Clock, signal: AbortSignal): Promise<EdgeNotice | undefined> {
  const payload = await readFrame(stream, MAX_BYTES, clock, signal);
  if (payload === undefined) return undefined;
  const notice = decodeEdgeNotice(payload);
  return { ...notice, message: escapeText(notice.message) };
}

/** The last word on this stream. */
export async function refuseRequest(stream: LinkStream, error: TunnelError, clock: Clock, signal: AbortSignal): Promise<void> {
  await writeFrame(stream, encodeEdgeAnswer(refusedAnswer(error)), MAX_BYTES, clock, signal);
  stream.resume().end();
}
