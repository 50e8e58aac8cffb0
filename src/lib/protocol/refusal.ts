// The closed list of reasons for which an agent refuses a session or a channel, and what each means in error codes, for both ends.
import { type ErrorCode, type Kind, TunnelError } from '../base/errors.ts';
import type { DialTiming } from './messages.ts';

/** Numbers as they stand on the wire; never reused. */
export const REFUSAL_NUMBERS = {
  'not-allowed': 1,
  'not-routed': 2,
  'dns-failed': 3,
  refused: 4,
  unreachable: 5,
  'timed-out': 6,
  'too-many': 7,
  'shutting-down': 8,
  'bad-request': 9,
} as const;

export type Refusal = keyof typeof REFUSAL_NUMBERS;

/** What the gateway tells the operator. */
export const ERROR_OF_REFUSAL: Readonly<Record<Refusal, ErrorCode>> = {
  'not-allowed': 'policy.denied',
  'not-routed': 'route.none',
  'dns-failed': 'dns.failed',
  refused: 'target.refused',
  unreachable: 'target.unreachable',
  'timed-out': 'target.timed-out',
  'too-many': 'limit.reached',
  'shutting-down': 'agent.offline',
  'bad-request': 'agent.failed',
};

const REFUSAL_OF_CODE: { readonly [Code in ErrorCode]?: Refusal } = {
  'dns.failed': 'dns-failed',
  'target.refused': 'refused',
  'agent.offline': 'shutting-down',
  'gateway.stopping': 'shutting-down',
  'session.unknown': 'not-allowed',
  'protocol.violation': 'bad-request',
};

const REFUSAL_OF_KIND: Readonly<Record<Kind, Refusal>> = {
  failed: 'unreachable',
  usage: 'bad-request',
  unauthenticated: 'not-allowed',
  forbidden: 'not-allowed',
  'not-found': 'not-routed',
  unreachable: 'unreachable',
  timeout: 'timed-out',
  conflict: 'bad-request',
  limited: 'too-many',
  interrupted: 'shutting-down',
};

/** What the agent answers when `error` kept it from doing what it was asked. */
export function refusalOf(error: TunnelError): Refusal {
  return REFUSAL_OF_CODE[error.code] ?? REFUSAL_OF_KIND[error.kind];
}

/** What a channel's beginning took, as the gateway sees it too. */
export interface ChannelTiming extends DialTiming {
  /** From the gateway's question to the agent's answer. */
  readonly answerUs?: number | undefined;
}

/** A refusal beside what it took to come to it. */
export class TimedRefusal extends TunnelError {
  readonly timing: ChannelTiming;

  constructor({ code, message, hint, cause }: TunnelError, timing: ChannelTiming) {
    super(code, message, { hint, cause });
    this.timing = timing;
  }
}

/** Of a refusal, also where it was put into other words since. */
export function timingOf(error: Error): ChannelTiming {
  if (error instanceof TimedRefusal) return error.timing;
  return error.cause instanceof TimedRefusal ? error.cause.timing : {};
}

/** For the wire. */
export function microseconds(ms: number): number {
  return Math.min(Math.max(0, Math.round(ms * 1000)), 0xffff_ffff);
}

/** The refusal as the gateway's error. */
export function refusalError(code: Refusal, reason: string): TunnelError {
  return new TunnelError(ERROR_OF_REFUSAL[code], reason === '' ? `the agent refused: ${code}` : reason);
}

/** For text that came over a wire: is it one of our codes? */
export function isRefusal(text: string): text is Refusal {
  return Object.hasOwn(REFUSAL_NUMBERS, text);
}

/** Longest reason that a version 2 message carries, in bytes of UTF-8. */
export const REASON_BYTES = 1024;

/** A reason that fits, whatever error text it was made from; never cut inside a character. */
export function fitReason(reason: string): string {
  const { read } = new TextEncoder().encodeInto(reason.toWellFormed(), new Uint8Array(REASON_BYTES));
  return reason.toWellFormed().slice(0, read);
}
