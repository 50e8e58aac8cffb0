// The edge's side of TLS links: sockets that were accepted elsewhere become links once their certificate is proven to be one of our CA, meant for clients.
import { AsyncLocalStorage } from 'node:async_hooks';
import { createServer, type TLSSocket } from 'node:tls';
import { TunnelError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { SocketAddress, TcpSocket, World } from '../../base/world.ts';
import { HalfOpen, sourceOf } from '../admission.ts';
import type { Link, LinkCredentials, RefusedPeer } from '../link.ts';
import { LIVENESS, type Liveness } from '../liveness.ts';
import { MuxLink } from '../mux/link.ts';
import { isRefusal, judgePeerCertificate } from '../peer-certificate.ts';
import { secureContext } from './context.ts';
import { refusalOf, refuse } from './refusal.ts';
import { watchChains } from './shown-chain.ts';

export interface TlsListenOptions {
  readonly credentials: LinkCredentials;
  readonly onLink: (link: Link) => void;
  /** A handshake that ended because we did not take the peer's certificate or protocols. */
  readonly onRefused?: (refused: RefusedPeer) => void;
  /** For tests: shorter than the limits. */
  readonly liveness?: Liveness;
}

export interface TlsListener extends AsyncDisposable {
  /** Handshakes under way. */
  readonly halfOpen: number;
  /** Owns the socket from here on. */
  take(socket: TcpSocket): void;
  /** For handshakes from now on; their protocols stay as they were. */
  useCredentials(credentials: LinkCredentials): void;
  /** Drops handshakes, and ends the links there are with `code` and `reason`. */
  close(code?: number, reason?: string): Promise<void>;
}

interface Arriving {
  readonly socket: TcpSocket;
  readonly remote: SocketAddress;
  leave(): void;
}

/** Node has no name for some of what OpenSSL finds wrong with the issuers: no CA, not allowed to sign. */
function judgement(code: unknown): string {
  return code === 'UNSPECIFIED' ? 'who signed it is no CA of ours' : String(code);
}

/** Error of node's for credentials that do not fit together. */
export function listenTls({ credentials, onLink, onRefused, liveness = LIVENESS }: TlsListenOptions, { clock, log }: World): TlsListener {
  const links = new Set<MuxLink>();
  const handshakes = new Set<TcpSocket>();
  const halfOpen = new HalfOpen();
  /** Node does not say which TCP socket a TLS socket lies on; the asynchronous context of its handshake does. */
  const context = new AsyncLocalStorage<Arriving>();
  let accepting = true;

  const server = createServer({
    ...secureContext(credentials),
    ALPNProtocols: [...credentials.alpn],
    requestCert: true,
    rejectUnauthorized: false, // `welcome` does, and says so; Node would cut the connection without a word
    handshakeTimeout: LIMITS.quicHandshakeMs,
  });
  const shownBy = watchChains(server);
  server.on('tlsClientError', (error, socket) => {
    const from = context.getStore()?.remote;
    log.info({ from, error: error.message }, 'handshake failed');
    const reason = refusalOf(error);
    if (from !== undefined && reason !== undefined) onRefused?.({ transport: 'tls', remote: from, reason });
    socket.destroy();
  });
  server.on('secureConnection', (socket) => {
    const arriving = context.getStore();
    if (!accepting || arriving === undefined) return void socket.on('error', () => {}).destroy();
    try {
      welcome(socket, arriving.remote);
      arriving.leave();
    } catch (error) {
      log.info({ from: arriving.remote, error }, 'handshake failed');
      if (error instanceof TunnelError && isRefusal(error)) onRefused?.({ transport: 'tls', remote: arriving.remote, reason: error.message });
      refuse(socket, error instanceof TunnelError ? error.message : 'the gateway failed', clock);
    }
  });

  function welcome(socket: TLSSocket, remote: SocketAddress): void {
    const [leaf, ...behind] = shownBy(socket);
    if (leaf === undefined || socket.isSessionReused()) throw new TunnelError('certificate.refused', 'the peer showed no certificate');
    if (!socket.authorized) throw new TunnelError('certificate.refused', `the peer's certificate was refused: ${judgement(socket.authorizationError)}`);
    judgePeerCertificate(leaf, { role: 'client', name: null }, behind);
    const alpn = socket.alpnProtocol;
    if (!alpn) throw new TunnelError('protocol.unsupported', 'the two sides have no protocol version in common');
    const parts = { socket, role: 'listener', transport: 'tls', alpn, remote, peerCertificate: leaf, incomingStreams: LIMITS.streamsPerAgentV1 } as const;
    const link = new MuxLink({ ...parts, liveness }, clock);
    links.add(link);
    void link.closed.then(() => links.delete(link));
    onLink(link);
  }

  const close = async (code = 0, reason = '') => {
    accepting = false;
    for (const socket of handshakes) socket.destroy();
    await Promise.all([...links].map((link) => link.close(code, reason)));
  };
  return {
    get halfOpen() {
      return halfOpen.size;
    },
    take(socket) {
      const remote = { address: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 };
      socket.on('error', (error) => log.debug({ error, from: remote }, 'connection cut'));
      const leave = accepting ? halfOpen.enter(sourceOf(remote.address), clock.monotonic(), () => socket.destroy()) : undefined;
      if (leave === undefined) return void socket.destroy();
      const settled = () => {
        leave();
        handshakes.delete(socket);
      };
      handshakes.add(socket);
      socket.once('close', settled);
      context.run({ socket, remote, leave: settled }, () => server.emit('connection', socket));
    },
    useCredentials: (next) => server.setSecureContext(secureContext(next)),
    close,
    [Symbol.asyncDispose]: () => close(),
  };
}
