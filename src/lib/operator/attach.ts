// Ties the sessions of a token to the connection to the edge: they end with it, also where no channel was ever opened.
import { type ClientHttp2Session, constants, type IncomingHttpHeaders, type IncomingHttpStatusHeader } from 'node:http2';
import { within } from '../base/deadline.ts';
import { TunnelError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { Clock } from '../base/world.ts';
import { ATTACH_PATH, readRefusal } from '../streams/http-connect.ts';

/** Errors: what the edge refuses with; `link.lost`, `gateway.silent`. */
export async function attach(session: ClientHttp2Session, token: string, clock: Clock, signal: AbortSignal): Promise<void> {
  const silent = () => new TunnelError('gateway.silent', 'the gateway did not answer for the session');
  if (session.closed || session.destroyed) throw new TunnelError('link.lost', 'the connection to the gateway was lost');
  await within(clock, LIMITS.connectTargetMs, silent, signal, (limit) => post(session, token, limit));
}

function post(session: ClientHttp2Session, token: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const { HTTP2_HEADER_METHOD, HTTP2_HEADER_PATH, HTTP2_HEADER_PROXY_AUTHORIZATION } = constants;
    const stream = session.request(
      { [HTTP2_HEADER_METHOD]: 'POST', [HTTP2_HEADER_PATH]: ATTACH_PATH, [HTTP2_HEADER_PROXY_AUTHORIZATION]: `Bearer ${token}` },
      { endStream: true, signal },
    );
    const lost = (cause?: Error) => reject(signal.aborted ? signal.reason : new TunnelError('link.lost', 'the connection to the gateway was lost', { cause }));
    const answered = (headers: IncomingHttpHeaders & IncomingHttpStatusHeader) => {
      const status = headers[':status'] ?? 0;
      if (status === constants.HTTP_STATUS_NO_CONTENT) resolve();
      else reject(readRefusal(status, headers)); // nothing that comes later counts
      stream.resume();
    };
    stream.once('response', answered).on('error', lost).once('close', lost);
  });
}
