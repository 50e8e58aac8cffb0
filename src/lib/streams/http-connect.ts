// The dialect of HTTP CONNECT that both front doors of the edge and our client share: who asks, and how a failure travels in an answer.
import { type ErrorCode, isErrorCode, type Kind, TunnelError } from '../base/errors.ts';
import { escapeText } from '../base/escape.ts';

/** POST to it, beside the CONNECTs of an operator's connection: the sessions of this token end with the connection. Answered 204, or as a refused CONNECT. */
export const ATTACH_PATH = '/attach';

const TOKEN = /^[A-Za-z0-9\-._~+/]{1,8192}={0,2}$/;
const MESSAGE_CHARACTERS = 1000;
const AUTHENTICATE = { 'proxy-authenticate': 'Basic realm="tunnel"' } as const;

/** The session token of `Proxy-Authorization`: Bearer, or Basic with the token as password (RFC 7617). Undefined when there is none that could be one. */
export function readToken(header: string | undefined): string | undefined {
  const [, scheme, credentials = ''] = /^(Bearer|Basic) +(\S{1,16384})$/i.exec(header ?? '') ?? [];
  if (scheme === undefined) return undefined;
  const token = scheme.toLowerCase() === 'bearer' ? credentials : passwordOf(credentials);
  return TOKEN.test(token) ? token : undefined;
}

function passwordOf(credentials: string): string {
  const pair = Buffer.from(credentials, 'base64').toString('utf8');
  return pair.includes(':') ? pair.slice(pair.indexOf(':') + 1) : '';
}

const STATUS: Record<Kind, number> = {
  failed: 500,
  usage: 400,
  unauthenticated: 407,
  forbidden: 403,
  'not-found': 404,
  unreachable: 502,
  timeout: 504,
  conflict: 409,
  limited: 429,
  interrupted: 503,
};

/** A failure as status and headers of the answer to a CONNECT. Texts are escaped, bounded and percent-encoded. */
export function refusalAnswer(error: TunnelError): { status: number; headers: Record<string, string> } {
  const status = STATUS[error.kind];
  return {
    status,
    headers: {
      'tunnel-error': error.code,
      'tunnel-message': encodeText(error.message),
      ...(error.hint === undefined ? {} : { 'tunnel-hint': encodeText(error.hint) }),
      ...(status === 407 ? AUTHENTICATE : {}),
    },
  };
}

/** Headers of a 200: which agent carries it. */
export function successHeaders(agent: string): Record<string, string> {
  return { 'tunnel-agent': encodeText(agent) };
}

/** For the client: which agent carries it; undefined where the gateway did not say. */
export function readAgent(headers: Headers): string | undefined {
  return decodeText(headers['tunnel-agent']);
}

type Headers = Readonly<Record<string, string | string[] | number | undefined>>;

const CODE_OF_STATUS: Readonly<Record<number, ErrorCode>> = {
  400: 'request.malformed',
  403: 'policy.denied',
  404: 'route.none',
  407: 'session.refused',
  429: 'limit.reached',
  502: 'agent.failed',
  503: 'gateway.stopping',
  504: 'timeout',
};

/** For the client: the failure that an answer other than 200 tells of; also of proxies that are not ours. */
export function readRefusal(status: number, headers: Headers): TunnelError {
  const named = decodeText(headers['tunnel-error']);
  const code = named !== undefined && isErrorCode(named) ? named : (CODE_OF_STATUS[status] ?? 'gateway.unreachable');
  return new TunnelError(code, decodeText(headers['tunnel-message']) ?? `the gateway answered ${status}`, { hint: decodeText(headers['tunnel-hint']) });
}

function encodeText(text: string): string {
  return encodeURIComponent(escapeText(text.slice(0, MESSAGE_CHARACTERS)));
}

function decodeText(value: string | string[] | number | undefined): string | undefined {
  if (typeof value !== 'string') return undefined;
  try {
    return escapeText(decodeURIComponent(value).slice(0, MESSAGE_CHARACTERS * 6));
  } catch {
    return undefined; // not ours, or damaged
  }
}
