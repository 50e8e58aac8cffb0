// An HTTP/1.1 proxy on connections that are there already, for curl, git, browsers and other plain clients: CONNECT, and requests in absolute form. For the edge and for the operator's own.
import { createServer, type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { TunnelError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { SocketAddress, World } from '../base/world.ts';
import { forwardRequest } from './absolute-form.ts';
import { successHeaders } from './http-connect.ts';
import { reset } from './reset.ts';

const STATUS_OF_PARSER: Readonly<Record<string, number>> = { HPE_HEADER_OVERFLOW: 431, ERR_HTTP_REQUEST_TIMEOUT: 408 };

export interface HttpProxy {
  take(socket: Duplex, remote: SocketAddress): void;
  close(): void;
}

export interface ProxyRequest {
  /** host:port as the client wrote it. */
  readonly authority: string | undefined;
  /** Proxy-Authorization. */
  readonly authorization: string | undefined;
  readonly remote: SocketAddress;
}

/** A channel to the target, waiting for the client's side. */
export interface Connected {
  /** The agent that carries it. */
  readonly agent: string;
  /** Splices until both directions have ended, or resets both. Never rejects. Once; it must be called, whatever became of `client`. */
  carry(client: Duplex): Promise<void>;
}

/** What requests become. */
export interface ProxyRequests {
  connect(asked: ProxyRequest, signal: AbortSignal): Promise<Connected>;
  /** Whatever failed as status and headers. */
  refuse(thrown: unknown, remote: SocketAddress): { readonly status: number; readonly headers: Readonly<Record<string, string>> };
}

/** What is meant for the proxy itself is 405. A connection carries one CONNECT: after a refusal the client comes back on a new one. */
export function serveHttpProxy(requests: ProxyRequests, { clock, log }: Pick<World, 'clock' | 'log'>): HttpProxy {
  const remotes = new WeakMap<Duplex, SocketAddress>();
  const remoteOf = (socket: Duplex): SocketAddress => remotes.get(socket) ?? { address: 'unknown', port: 0 };
  const server = createServer({
    maxHeaderSize: LIMITS.httpHeaderBytes,
    headersTimeout: LIMITS.clientHelloMs,
    requestTimeout: 0, // A body takes the time it takes: it is read only for someone whose channel is open.
    connectionsCheckingInterval: 1000,
  });
  server.on('clientError', (error, socket) => refuse(socket, 'code' in error ? (STATUS_OF_PARSER[String(error.code)] ?? 400) : 400, {}));
  const forward = (request: IncomingMessage, response: ServerResponse): void => {
    if (!/^https?:/i.test(request.url ?? '')) return void response.writeHead(405, { allow: 'CONNECT', connection: 'close' }).end();
    void forwardRequest(request, response, remoteOf(request.socket), requests);
  };
  server.on('request', forward).on('checkContinue', forward);
  server.on('connect', (request, socket, head) => {
    answer(request, socket, head).catch((error: unknown) => {
      log.error({ error }, 'answering a CONNECT failed');
      reset(socket, new Error('the gateway failed'));
    });
  });
  server.emit('listening'); // It never listens itself, and without this its timeouts never fire.

  const answer = async (request: IncomingMessage, socket: Duplex, head: Uint8Array): Promise<void> => {
    const remote = remoteOf(socket);
    const gone = new AbortController();
    socket.once('close', () => gone.abort(new TunnelError('interrupted', 'the operator left')));
    try {
      const asked = { authority: request.url, authorization: request.headers['proxy-authorization'], remote };
      const connected = await requests.connect(asked, gone.signal);
      socket.write(formatHead(200, 'Connection established', successHeaders(connected.agent)));
      if (head.length > 0) socket.unshift(head);
      await connected.carry(socket);
    } catch (thrown) {
      const { status, headers } = requests.refuse(thrown, remote);
      refuse(socket, status, headers);
    }
  };

  /** The last answer of a connection; whoever does not leave then is made to. */
  const refuse = (socket: Duplex, status: number, headers: Readonly<Record<string, string>>): void => {
    if (!socket.writable) return;
    socket.resume().end(formatHead(status, STATUS_CODES[status] ?? 'Refused', { ...headers, 'content-length': '0', connection: 'close' }));
    const patience = clock.after(LIMITS.clientHelloMs, () => socket.destroy());
    socket.once('close', () => patience.cancel());
  };

  return {
    take(socket, remote) {
      remotes.set(socket, remote);
      socket.on('error', (error) => log.debug({ error, remote }, 'connection of a proxy client cut'));
      server.emit('connection', socket);
    },
    close: () => void server.close(),
  };
}

function formatHead(status: number, reason: string, headers: Record<string, string>): string {
  return [`HTTP/1.1 ${status} ${reason}`, ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`), '', ''].join('\r\n');
}
