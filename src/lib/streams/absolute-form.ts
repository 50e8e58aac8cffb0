// Plain HTTP through the proxy (RFC 9112, 3.2.2: `GET http://host/ HTTP/1.1`): each request gets a channel of its own, for clients that do not CONNECT for http.
import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { duplexPair } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { TunnelError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { SocketAddress } from '../base/world.ts';
import type { ProxyRequests } from './http-proxy.ts';
import { CutShort, reset } from './reset.ts';

const ABSOLUTE_FORM = /^http:\/\/(\[[^\]/?#@]*\]|[^:/?#@]+)(?::(\d*))?(?=[/?]|$)([^#]*)$/i;
/** RFC 9110, 7.6.1; `Expect` was answered here, `Host` and `Via` are written anew. */
const NOT_FORWARDED = /^(connection|keep-alive|te|transfer-encoding|upgrade|expect|host|proxy-.*)$/i;
const VIA = ['via', '1.1 tunnel'] as const;

/** Answers one request; never rejects. A cut on either side is a reset on the other. */
export async function forwardRequest(request: IncomingMessage, response: ServerResponse, remote: SocketAddress, requests: ProxyRequests): Promise<void> {
  const gone = new AbortController();
  response.once('close', () => response.writableFinished || gone.abort(new TunnelError('interrupted', 'the operator left')));
  try {
    const { authority, target, path } = parseAbsoluteForm(request);
    const connected = await requests.connect({ authority: target, authorization: request.headers['proxy-authorization'], remote }, gone.signal);
    const [near, far] = duplexPair();
    near.once('close', () => far.writableFinished || reset(far, new CutShort('the HTTP exchange was given up'))); // Node's pair makes a clean end of it.
    const carried = connected.carry(far);
    try {
      await exchange(request, response, near, { host: authority, path, signal: gone.signal });
    } catch (error) {
      reset(near, error instanceof Error ? error : new Error(String(error)));
      throw new TunnelError('target.unreachable', `${target} through ${connected.agent}: it gave no whole HTTP answer`, { cause: error });
    } finally {
      await carried;
    }
  } catch (thrown) {
    const { status, headers } = requests.refuse(thrown, remote);
    if (response.headersSent || response.destroyed) reset(request.socket, new Error('the answer was cut'));
    else response.writeHead(status, { ...headers, 'content-length': '0', connection: 'close' }).end();
  }
}

function parseAbsoluteForm({ url = '', method }: IncomingMessage): { authority: string; target: string; path: string } {
  const [, host, port, rest = ''] = ABSOLUTE_FORM.exec(url) ?? [];
  if (host === undefined) throw new TunnelError('target.malformed', 'the request names no http://HOST[:PORT]/ that could be a target');
  const path = rest.startsWith('/') ? rest : rest === '' && method === 'OPTIONS' ? '*' : `/${rest}`;
  return { authority: port ? `${host}:${port}` : host, target: `${host}:${port || 80}`, path };
}

/** One exchange over `channel`, bodies streamed both ways. Rejects when either side is cut before its end. */
async function exchange(
  request: IncomingMessage,
  response: ServerResponse,
  channel: ReturnType<typeof duplexPair>[0],
  { host, path, signal }: { host: string; path: string; signal: AbortSignal },
): Promise<void> {
  const chunked = request.headers['transfer-encoding'] === undefined ? [] : ['transfer-encoding', 'chunked'];
  const asked = httpRequest({
    createConnection: () => channel,
    method: request.method ?? 'GET',
    path,
    headers: ['host', host, ...forwarded(request), ...chunked, ...VIA, 'connection', 'close'],
    maxHeaderSize: LIMITS.httpHeaderBytes,
    signal,
  });
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    asked.once('response', resolve).on('error', reject);
    asked.once('close', () => reject(new Error('closed before its answer')));
  });
  if (request.headers.expect !== undefined) response.writeContinue();
  request.pipe(asked);
  const answer = await answered;
  response.sendDate = false;
  response.writeHead(answer.statusCode ?? 502, answer.statusMessage ?? '', [...forwarded(answer), ...VIA]);
  response.flushHeaders(); // What came of an answer that is cut behind its head is not held back.
  await pipeline(answer, response);
  // An answer may come, and be all that is wanted, before the request has ended: then what is left of the request is nobody's.
  if (request.complete) return void channel.resume();
  channel.destroy();
  request.unpipe(asked).resume();
}

/** Names and values in turn, as they came, without what concerns this hop alone. */
function forwarded({ rawHeaders, headers }: IncomingMessage): string[] {
  const named = (headers.connection ?? '').toLowerCase().split(/[\s,]+/);
  return rawHeaders.filter((_, index) => {
    const name = rawHeaders[index - (index % 2)] ?? '';
    return !NOT_FORWARDED.test(name) && !named.includes(name.toLowerCase());
  });
}
