// What an operator's client asks an edge for at the beginning of a stream, and the answer: one frame each way (docs/protocol.md, 10), then raw bytes.
import { type ErrorCode, isErrorCode, TunnelError } from '../base/errors.ts';
import { escapeText } from '../base/escape.ts';
import { type ChannelTiming, TimedRefusal, timingOf } from './refusal.ts';
import { family, message, optional, required } from './v2-fields.ts';
import { mark, text, u32, uuid } from './v2-types.ts';

const TOKEN_BYTES = 8192;
const TARGET_BYTES = 300;
const MESSAGE_BYTES = 2000;

/** A channel to this target. */
export interface OperatorConnect {
  readonly kind: 'operator-connect';
  readonly token: string;
  readonly target: string;
}

/** The sessions of this token shall end with the connection. */
export interface OperatorAttach {
  readonly kind: 'operator-attach';
  readonly token: string;
  /** The operator is at work: the idle time of the sessions begins anew. */
  readonly active?: true | undefined;
}

export type OperatorRequest = OperatorConnect | OperatorAttach;

export interface EdgeGranted extends ChannelTiming {
  readonly kind: 'edge-granted';
  /** Who carries the channel; absent for an attach. */
  readonly agent?: string | undefined;
  /** What the agent connected to, where it says so. */
  readonly address?: string | undefined;
}

export interface EdgeRefused extends ChannelTiming {
  readonly kind: 'edge-refused';
  readonly code: string;
  readonly message: string;
  readonly hint?: string | undefined;
}

/** After the answer to an attach, whenever a session of this connection ends, or will, for a reason that its program should know. */
export interface EdgeNotice {
  readonly kind: 'edge-notice';
  /** Of the closed list of reasons; a later version may know more of them. */
  readonly reason: string;
  readonly message: string;
  /** Absent where it is about all of them. */
  readonly sessionId?: string | undefined;
  /** It has not ended: it will in so long, unless its operator does something. */
  readonly endsInMs?: number | undefined;
}

export type EdgeAnswer = EdgeGranted | EdgeRefused;

const requests = family<OperatorRequest>('operator request', {
  'operator-connect': message<OperatorConnect>('operator-connect', 0x30, { token: required(1, text(TOKEN_BYTES)), target: required(2, text(TARGET_BYTES)) }),
  'operator-attach': message<OperatorAttach>('operator-attach', 0x31, { token: required(1, text(TOKEN_BYTES)), active: optional(2, mark) }),
});

const answers = family<EdgeAnswer>('edge answer', {
  'edge-granted': message<EdgeGranted>('edge-granted', 0x32, {
    agent: optional(1, text(TARGET_BYTES)),
    address: optional(2, text(TARGET_BYTES)),
    resolveUs: optional(3, u32),
    connectUs: optional(4, u32),
    answerUs: optional(5, u32),
  }),
  'edge-refused': message<EdgeRefused>('edge-refused', 0x33, {
    code: required(1, text(100)),
    message: required(2, text(MESSAGE_BYTES)),
    hint: optional(3, text(MESSAGE_BYTES)),
    resolveUs: optional(4, u32),
    connectUs: optional(5, u32),
    answerUs: optional(6, u32),
  }),
});

const notices = family<EdgeNotice>('edge notice', {
  'edge-notice': message<EdgeNotice>('edge-notice', 0x34, {
    reason: required(1, text(100)),
    message: required(2, text(MESSAGE_BYTES)),
    sessionId: optional(3, uuid),
    endsInMs: optional(4, u32),
  }),
});

/** Errors `protocol.violation`, as everywhere in version 2. */
export const encodeOperatorRequest = requests.encode;
export const decodeOperatorRequest = requests.decode;
export const encodeEdgeAnswer = answers.encode;
export const decodeEdgeAnswer = answers.decode;
export const encodeEdgeNotice = notices.encode;
export const decodeEdgeNotice = notices.decode;

/** A failure that may be told, within the bounds of its fields. */
export function refusedAnswer(error: TunnelError): EdgeRefused {
  const { code, message: said, hint } = error;
  return { kind: 'edge-refused', code, message: fit(said), hint: hint === undefined ? undefined : fit(hint), ...timingOf(error) };
}

/** What a refusal means here; a code that only a later version knows is `gateway.unreachable`. */
export function refusedError({ code, message: said, hint, resolveUs, connectUs, answerUs }: EdgeRefused): TunnelError {
  const known: ErrorCode = isErrorCode(code) ? code : 'gateway.unreachable';
  const error = new TunnelError(known, escapeText(said), { hint: hint === undefined ? undefined : escapeText(hint) });
  return answerUs === undefined ? error : new TimedRefusal(error, { resolveUs, connectUs, answerUs });
}

/** Within the bounds of its fields. */
export function edgeNotice(notice: Omit<EdgeNotice, 'kind'>): EdgeNotice {
  return { ...notice, kind: 'edge-notice', message: fit(notice.message) };
}

function fit(said: string): string {
  return said.slice(0, MESSAGE_BYTES / 4).toWellFormed();
}
