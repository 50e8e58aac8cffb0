// The agent's side of a TLS link: one attempt over a TCP connection that someone else made, through a proxy or not.
import { isIP } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { unlessAborted, within } from '../../base/deadline.ts';
import { TunnelError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { SocketAddress, TcpSocket, World } from '../../base/world.ts';
import { secured } from '../../streams/tls-handshake.ts';
import type { Link, LinkCredentials } from '../link.ts';
import { LIVENESS, type Liveness } from '../liveness.ts';
import { MuxLink } from '../mux/link.ts';
import { judgePeerCertificate } from '../peer-certificate.ts';
import { secureContext } from './context.ts';
import { handshakeError, refusedOr } from './refusal.ts';
import { shownChain } from './shown-chain.ts';

export interface TlsDialOptions {
  /** A TCP connection that leads to the gateway's port, however. It belongs to the link once it is given. */
  readonly connect: (signal: AbortSignal) => Promise<TcpSocket>;
  /** What was dialled: `Link.remote`. */
  readonly remote: SocketAddress;
  /** The DNS name or address that the gateway's certificate must carry as SAN; null only together with a pin. */
  readonly serverName: string | null;
  readonly credentials: LinkCredentials;
  /** SHA-256 of the gateway's SPKI, lower-case hex. */
  readonly pinnedSpki?: string | undefined;
  readonly signal: AbortSignal;
  /** For tests: shorter than the limits. */
  readonly liveness?: Liveness;
}

/**
 * Resolves when both sides have judged each other's certificate. Errors `gateway.silent`, `certificate.refused`, `pin.mismatch`, `protocol.unsupported`, `link.lost`,
 * those of `connect`; an abort rejects with the signal's reason. The signal ends the attempt, not the link that came of it.
 */
export async function dialTls({ connect, ...options }: TlsDialOptions, world: World): Promise<Link> {
  const { remote, serverName, pinnedSpki, signal } = options;
  if (serverName === null && pinnedSpki === undefined) throw new TunnelError('internal', 'a gateway without a name must be pinned');
  const raw = await connect(signal);
  try {
    return await within(
      world.clock,
      LIMITS.clientHelloMs,
      () => silent(remote),
      signal,
      (limit) => establish(raw, options, world, limit),
    );
  } catch (error) {
    raw.destroy();
    throw error;
  }
}

async function establish(
  raw: TcpSocket,
  { remote, serverName, pinnedSpki, credentials, liveness = LIVENESS }: Omit<TlsDialOptions, 'connect'>,
  { clock }: World,
  limit: AbortSignal,
): Promise<Link> {
  const named = serverName !== null && isIP(serverName) === 0 ? { servername: serverName } : {};
  const socket = connectTls({
    socket: raw,
    ...secureContext(credentials),
    ...named,
    ALPNProtocols: [...credentials.alpn],
    rejectUnauthorized: true, // Node's own default is NODE_TLS_REJECT_UNAUTHORIZED
    checkServerIdentity: () => undefined, // judgePeerCertificate does, by one rule for every transport
  });
  try {
    await secured(socket, limit);
    const [peerCertificate, ...behind] = shownChain(socket);
    if (peerCertificate === undefined) throw new TunnelError('certificate.refused', 'the peer showed no certificate');
    judgePeerCertificate(peerCertificate, { role: 'server', name: serverName, pinnedSpki }, behind);
    if (!socket.alpnProtocol)
      throw new TunnelError('protocol.unsupported', 'the two sides have no protocol version in common', { hint: 'Update the older side.' });
    const parts = {
      socket,
      role: 'dialler',
      transport: 'tls',
      alpn: socket.alpnProtocol,
      remote,
      peerCertificate,
      incomingStreams: LIMITS.streamsPerAgentV2,
    } as const;
    const link = new MuxLink({ ...parts, liveness }, clock);
    await unlessAborted(link.ready, limit).catch(async (error: unknown) => {
      limit.throwIfAborted();
      throw refusedOr(error, await link.closed);
    });
    return link;
  } catch (error) {
    socket.on('error', () => {}).destroy();
    throw limit.aborted ? limit.reason : handshakeError(error);
  }
}

function silent({ address, port }: SocketAddress): TunnelError {
  return new TunnelError('gateway.silent', `no answer to a TLS handshake from ${address} port ${port} within ${LIMITS.clientHelloMs} ms`);
}
