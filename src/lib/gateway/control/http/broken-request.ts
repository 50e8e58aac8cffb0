// What is answered to bytes that never became a request: before Fastify sees anything, and so that the answer gets out before the end.
import type { ServerResponse } from 'node:http';
import type { FastifyServerOptions } from 'fastify';
import { TunnelError } from '../../../base/errors.ts';
import type { Clock } from '../../../base/world.ts';
import { statusOf } from './status.ts';

const STATUS: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
};

type Handler = NonNullable<FastifyServerOptions['clientErrorHandler']>;

/** A client that is still sending has so long to hear the answer; to close at once would reset the connection, and the answer with it. */
const FAREWELL_MS = 1000;

export function answerBrokenRequest(clock: Clock): Handler {
  const answered = new WeakSet<object>();
  return (error, socket) => {
    if (answered.has(socket)) return; // what follows is broken too
    if (error.code === 'ECONNRESET' || !socket.writable) {
      socket.destroy();
      return;
    }
    const status = STATUS[error.code ?? ''] ?? '400 Bad Request';
    answered.add(socket);
    socket.resume().end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
    const patience = clock.after(FAREWELL_MS, () => socket.destroy());
    socket.once('close', () => patience.cancel());
  };
}

/** A path that cannot be decoded never reaches a route, nor the error handler of all routes. */
export function answerBadPath(_error: unknown, _request: unknown, { raw }: { readonly raw: ServerResponse }): void {
  const error = new TunnelError('request.malformed', 'the path cannot be read');
  raw.writeHead(statusOf(error), { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify({ error }));
}
