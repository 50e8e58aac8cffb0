// What is answered to bytes that never became a request: before Fastify sees anything, and so that the answer gets out before the end.
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyServerOptions } from 'fastify';
import { TunnelError } from '../../../base/errors.ts';
import { statusOf } from './status.ts';

const STATUS: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
};

type Handler = NonNullable<FastifyServerOptions['clientErrorHandler']>;

/** `destroySoon`: a plain `destroy` would throw away what TLS has not sent yet. */
export const answerBrokenRequest: Handler = (error, socket) => {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const status = STATUS[error.code ?? ''] ?? '400 Bad Request';
  socket.write(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
  (socket as Socket).destroySoon();
};

/** A path that cannot be decoded never reaches a route, nor the error handler of all routes. */
export function answerBadPath(_error: unknown, _request: unknown, { raw }: { readonly raw: ServerResponse }): void {
  const error = new TunnelError('request.malformed', 'the path cannot be read');
  raw.writeHead(statusOf(error), { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify({ error }));
}
