// TLS of the edge's front doors, over sockets that were accepted elsewhere: handshake within its time, the right ALPN, the certificate of the day.
import { AsyncLocalStorage } from 'node:async_hooks';
import { createServer, type TLSSocket } from 'node:tls';
import { LIMITS } from '../../../base/limits.ts';
import type { Log, SocketAddress, TcpSocket } from '../../../base/world.ts';
import { carriedBy, reset } from '../../../streams/reset.ts';
import { TlsWire } from '../../../streams/tls-wire.ts';
import { CIPHERS } from '../../../transport/tls/context.ts';

export interface ServerKeys {
  readonly certificatePem: string;
  readonly privateKeyPem: string;
}

export interface FrontTls extends ServerKeys {
  readonly alpn: readonly string[];
  /** Whether a peer that offers no ALPN is let in. */
  readonly alpnOptional: boolean;
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
  /** Whether `reset` of the TLS socket must be one on the wire, and a FIN without close_notify an error (`TlsWire`). HTTP/2 says both by itself. */
  readonly exactEnds: boolean;
}

export interface TlsFront {
  /** Owns the socket from here on. */
  take(socket: TcpSocket): void;
  useCertificate(certificatePem: string): void;
  /** Resets what is open and takes no more. */
  close(): void;
}

/** `onSecure` gets each socket whose handshake is done, and owns its errors. */
export function terminateTls(options: FrontTls, onSecure: (socket: TLSSocket, remote: SocketAddress) => void, log: Log): TlsFront {
  const open = new Set<TcpSocket>();
  /** Node does not say which TCP socket a TLS socket lies on; the asynchronous context of its handshake does. */
  const handshakes = new AsyncLocalStorage<TcpSocket>();
  let closed = false;
  const { privateKeyPem, alpn, minVersion } = options;
  const versions = { minVersion, ...(minVersion === 'TLSv1.3' && { ciphers: CIPHERS }) };
  const server = createServer({
    key: privateKeyPem,
    cert: options.certificatePem,
    ALPNProtocols: [...alpn],
    ...versions,
    handshakeTimeout: LIMITS.clientHelloMs,
  });
  server.on('tlsClientError', (error, socket) => {
    log.info({ error: error.message, remote: remoteOf(handshakes.getStore()) }, 'TLS handshake failed');
    socket.destroy();
  });
  server.on('secureConnection', (socket) => {
    const raw = handshakes.getStore();
    const remote = remoteOf(raw);
    if (socket.alpnProtocol || options.alpnOptional) {
      if (raw !== undefined && options.exactEnds) carriedBy(socket, raw);
      onSecure(socket, remote);
      return;
    }
    log.info({ remote }, 'TLS without ALPN refused');
    socket.on('error', () => {}).destroySoon();
  });
  return {
    take(socket) {
      socket.setKeepAlive(true, LIMITS.keepAliveMs);
      socket.on('error', (error) => log.debug({ error, remote: remoteOf(socket) }, 'connection cut'));
      if (closed) return reset(socket, new Error('closed'));
      open.add(socket);
      socket.on('close', () => open.delete(socket));
      const below = options.exactEnds ? new TlsWire(socket) : socket;
      handshakes.run(socket, () => server.emit('connection', below));
    },
    useCertificate: (certificatePem) => server.setSecureContext({ key: privateKeyPem, cert: certificatePem, ...versions }),
    close() {
      closed = true;
      for (const socket of open) reset(socket, new Error('closed'));
    },
  };
}

function remoteOf(socket: TcpSocket | undefined): SocketAddress {
  return { address: socket?.remoteAddress ?? 'unknown', port: socket?.remotePort ?? 0 };
}
