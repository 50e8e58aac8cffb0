// What an HTTP answer says: a value of the contract, or the TunnelError that the other side meant.
import type { z } from 'zod';
import { type ErrorCode, isErrorCode, TunnelError } from '../base/errors.ts';
import { escapeText } from '../base/escape.ts';
import { ErrorAnswer } from './contract.ts';
import type { ExchangeAnswer } from './exchange.ts';

/** Statuses mean different things where a one-time string is spent; stock gateways answer with nothing else. */
export type Situation = 'enrolment' | 'login' | 'api';

const BY_STATUS: Record<Situation, Readonly<Record<number, ErrorCode>>> = {
  enrolment: { 400: 'csr.refused', 401: 'string.refused', 403: 'string.refused', 404: 'resource.unknown', 409: 'id.taken' },
  login: { 401: 'string.refused', 403: 'string.refused', 404: 'resource.unknown' },
  api: { 401: 'login.refused', 403: 'policy.denied', 404: 'resource.unknown', 409: 'state.locked' },
};
const BY_ANY_STATUS: Readonly<Record<number, ErrorCode>> = {
  400: 'request.malformed',
  408: 'gateway.silent',
  413: 'request.malformed',
  415: 'request.malformed',
  422: 'request.malformed',
  429: 'limit.reached',
  431: 'request.malformed',
  502: 'gateway.unreachable',
  503: 'gateway.stopping',
  504: 'gateway.silent',
};
const HINTS: Partial<Record<ErrorCode, string>> = {
  'string.refused': 'A string works once and for a limited time; ask the administrator of the gateway for a new one.',
  'login.refused': 'Log in again: tunnel login --token-file FILE',
  'id.taken': 'Enrol again: every attempt uses a new id.',
  'limit.reached': 'Try again later.',
  'resource.unknown': 'The gateway may be older than this program, or the address may be that of another server.',
};

/** Throws the TunnelError for every status but 2xx, and `protocol.violation` for an answer of another shape. */
export function readAnswer<T>({ status, body }: ExchangeAnswer, shape: z.ZodType<T>, situation: Situation): T {
  const json = parseJson(body);
  if (status < 200 || status > 299) throw errorOf(status, json, body, situation);
  const read = shape.safeParse(json);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  throw new TunnelError('protocol.violation', `the gateway's answer makes no sense: ${issue?.path.join('.') || 'body'}: ${issue?.message ?? 'not JSON'}`, {
    hint: 'Is it a gateway of tunnel, and not much older or newer than this program?',
  });
}

function errorOf(status: number, json: unknown, body: string, situation: Situation): TunnelError {
  const told = ErrorAnswer.safeParse(json);
  if (told.success) {
    const { code, message, hint, decision } = told.data.error;
    const known = isErrorCode(code);
    return new TunnelError(known ? code : 'internal', escapeText(known ? message : `${code}: ${message}`), {
      hint: hint === undefined ? undefined : escapeText(hint),
      decision,
    });
  }
  const code = BY_STATUS[situation][status] ?? BY_ANY_STATUS[status] ?? 'internal';
  const words = json === undefined ? escapeText(body.slice(0, 200)) : '';
  return new TunnelError(code, `the gateway answered ${status}${words && `: ${words}`}`, { hint: HINTS[code] });
}

/** Undefined for what is no JSON. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
