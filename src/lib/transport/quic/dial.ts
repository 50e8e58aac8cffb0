// The agent's side of QUIC: one attempt to reach a gateway, from a socket of its own.
import { isIP } from 'node:net';
import { TunnelError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { SocketAddress, World } from '../../base/world.ts';
import type { Link, LinkCredentials } from '../link.ts';
import type { Liveness } from '../liveness.ts';
import { checkCredentials, makeConfig } from './config.ts';
import { Datagrams } from './datagrams.ts';
import { QuicLink } from './link.ts';
import { PATH } from './loop.ts';
import { loadQuiche } from './native.ts';
import { CONNECTION_ID_BYTES } from './packet.ts';
import { canonical, isSame, packetBytesFor } from './path.ts';

export interface QuicDialOptions {
  readonly to: SocketAddress;
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
 * Resolves when the handshake is complete on this side and the gateway's certificate is judged. The gateway judges ours only then: its refusal comes
 * as the end of this link, so "online" means a first answer on the control stream, not this.
 * Errors `gateway.silent`, `certificate.refused`, `pin.mismatch`, `protocol.unsupported`, `quic.unavailable`, `config.invalid`, `link.lost`; an abort rejects with the signal's reason.
 * The signal ends the attempt, not the link that came of it.
 */
export async function dialQuic({ to, serverName, credentials, pinnedSpki, signal, liveness }: QuicDialOptions, world: World): Promise<Link> {
  if (serverName === null && pinnedSpki === undefined) throw new TunnelError('internal', 'a gateway without a name must be pinned');
  const quiche = await loadQuiche();
  signal.throwIfAborted();
  checkCredentials(quiche, credentials);
  const remote = canonical(to);
  const packetBytes = packetBytesFor(remote, world.net.interfaces());
  const config = makeConfig(quiche, { credentials, incomingStreams: LIMITS.streamsPerAgentV2, packetBytes });

  let link: QuicLink | undefined;
  const socket = await world.net.bindUdp({ address: isIP(remote.address) === 6 ? '::' : '0.0.0.0', port: 0 }, (datagram, from) => {
    if (isSame(from, remote)) link?.receive(datagram);
  });
  const datagrams = new Datagrams(socket, world.log, () => world.clock.monotonic());
  const { promise, resolve, reject } = Promise.withResolvers<Link>();
  try {
    signal.throwIfAborted();
    // The engine refuses every certificate for an address, also one with that IP SAN, so it is told names only; judgePeerCertificate checks both.
    const sni = serverName === null || isIP(serverName) !== 0 ? null : serverName;
    const native = quiche.Connection.connect(sni, world.random.bytes(CONNECTION_ID_BYTES), PATH.here, PATH.there, config);
    const onEnd = async (_link: Link, error: TunnelError) => {
      reject(error.code === 'gateway.silent' ? silentGateway(remote, error) : error);
      await datagrams.drained();
      await socket.close();
    };
    const expected = { role: 'server', name: serverName, pinnedSpki } as const;
    link = new QuicLink(
      { native, quiche, expected, remote, datagrams, packetBytes, handshakeMs: LIMITS.quicHandshakeMs, liveness, onReady: resolve, onEnd },
      world,
    );
  } catch (error) {
    await socket.close();
    throw error;
  }
  const dialled = link;
  const abort = () => {
    reject(signal.reason);
    void dialled.close(0, 'dial aborted');
  };
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await promise;
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

function silentGateway({ address, port }: SocketAddress, cause: TunnelError): TunnelError {
  const errno = /could not be sent: (\w+)/.exec(cause.message)?.[1];
  return new TunnelError(
    'gateway.silent',
    `nothing was heard from ${address} over UDP port ${port}${errno === undefined ? '' : `: this machine says ${errno}`}`,
    {
      hint:
        errno === undefined
          ? 'A firewall on the way may drop UDP, or the gateway does not run.'
          : 'A firewall or a missing route on this machine keeps datagrams from leaving.',
      cause,
    },
  );
}
