// The edge's side of QUIC: one UDP socket, connections by id, and an answer or none for every datagram of a stranger.
import type { TunnelError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { SocketAddress, World } from '../../base/world.ts';
import type { Link, LinkCredentials, LinkListener } from '../link.ts';
import { Allowance, HalfOpen } from './admission.ts';
import { checkCredentials, makeConfig } from './config.ts';
import { Datagrams } from './datagrams.ts';
import { QuicLink } from './link.ts';
import { type Liveness, PATH } from './loop.ts';
import { loadQuiche } from './native.ts';
import { CONNECTION_ID_BYTES, idKey, type LongHeader, QUIC_V1, readHeader, readInitialToken, SMALLEST_INITIAL_BYTES, versionNegotiation } from './packet.ts';
import { isSame, packetBytesFor } from './path.ts';
import { retryTokens } from './retry.ts';
import { statelessResets } from './stateless-reset.ts';

const SHORTEST_FIRST_ID = 8; // RFC 9000 7.2
const UNSOLICITED_ANSWERS_PER_SECOND = 1000; // as many agents may notice a restart at once

export interface QuicListenOptions {
  readonly at: SocketAddress;
  readonly credentials: LinkCredentials;
  /** Kept over restarts, so that links of the process before are told that they are over. */
  readonly secret: Uint8Array;
  /** A link whose client certificate is of our CA, meant for clients, and proven. */
  readonly onLink: (link: Link) => void;
  /** For tests: shorter than the limits. */
  readonly liveness?: Liveness;
}

export interface QuicListener extends LinkListener {
  /** For handshakes from now on. Error `config.invalid`, which keeps the old. */
  useCredentials(credentials: LinkCredentials): void;
  /** Datagrams that got no answer and reached no link. */
  readonly dropped: number;
}

/** Errors `port.in-use`, `address.not-here`, `quic.unavailable`, `config.invalid` for credentials that do not fit together. */
export async function listenQuic({ at, credentials: first, secret, onLink, liveness }: QuicListenOptions, world: World): Promise<QuicListener> {
  const quiche = await loadQuiche();
  let credentials = first;
  checkCredentials(quiche, credentials);

  const retries = retryTokens(secret);
  const resets = statelessResets(secret);
  const halfOpen = new HalfOpen();
  const answers = new Allowance(UNSOLICITED_ANSWERS_PER_SECOND);
  const links = new Map<string, QuicLink>();
  let dropped = 0;
  let accepting = true;

  const socket = await world.net.bindUdp(at, (datagram, from) => {
    try {
      if (!receive(datagram, from)) dropped += 1;
    } catch (error) {
      dropped += 1;
      world.log.debug({ error, from }, 'datagram refused by the engine');
    }
  });
  const datagrams = new Datagrams(socket, world.log, () => world.clock.monotonic());

  /** False for what is dropped. */
  function receive(datagram: Uint8Array, from: SocketAddress): boolean {
    const header = readHeader(datagram);
    if (!header) return false;
    const link = links.get(idKey(header.destination));
    if (link) {
      // A peer that moved gets a new link soon enough; an engine that is shown a second path can be made to spin (architecture.md, decision 2).
      if (!isSame(link.remote, from)) return false;
      link.receive(datagram);
      return true;
    }
    if (header.form === 'short') return unsolicited(resets.answer(header.destination, datagram.length, world.random), from);
    if (datagram.length < SMALLEST_INITIAL_BYTES) return false;
    if (header.version !== QUIC_V1) return unsolicited(versionNegotiation(header, world.random.bytes(1)[0] ?? 0), from);
    return header.initial && accepting && receiveInitial(datagram, header, from);
  }

  function unsolicited(packet: Uint8Array | undefined, to: SocketAddress): boolean {
    if (!packet || !answers.spend(world.clock.monotonic())) return false;
    socket.send(packet, to);
    return true;
  }

  function receiveInitial(datagram: Uint8Array, header: LongHeader, from: SocketAddress): boolean {
    const token = readInitialToken(datagram, header);
    if (
      !token ||
      header.destination.length < SHORTEST_FIRST_ID ||
      header.destination.length > CONNECTION_ID_BYTES ||
      header.source.length > CONNECTION_ID_BYTES
    )
      return false;
    if (token.length === 0) return retry(header, from);
    const original = retries.open(token, from, header.destination, world.clock.now());
    return original !== undefined && accept(datagram, header.destination, original, from);
  }

  function retry(header: LongHeader, from: SocketAddress): boolean {
    const chosen = world.random.bytes(CONNECTION_ID_BYTES);
    const token = retries.mint(from, header.destination, chosen, world.clock.now());
    const packet = Buffer.alloc(SMALLEST_INITIAL_BYTES);
    const bytes = quiche.retry(header.source, header.destination, chosen, token, QUIC_V1, packet);
    socket.send(packet.subarray(0, bytes), from);
    return true;
  }

  function accept(datagram: Uint8Array, chosen: Uint8Array, original: Uint8Array, from: SocketAddress): boolean {
    const leave = halfOpen.enter(from.address);
    if (!leave) return false;
    try {
      const id = Uint8Array.from(chosen); // the datagram's memory is not ours
      const packetBytes = packetBytesFor(from, world.net.interfaces());
      // An agent opens little more than its control stream; what it may open is what version 1 names, for the ALPN is not known yet.
      const config = makeConfig(quiche, { credentials, incomingStreams: LIMITS.streamsPerAgentV1, packetBytes, resetToken: resets.announce(id) });
      const native = quiche.Connection.accept(id, original, PATH.here, PATH.there, config);
      let isReady = false;
      const onReady = (ready: QuicLink) => {
        isReady = true;
        leave();
        onLink(ready);
      };
      const onEnd = async (_link: QuicLink, error: TunnelError) => {
        leave();
        if (!isReady) world.log.info({ from, error }, 'handshake failed');
        links.delete(idKey(id));
        await datagrams.drained();
      };
      const expected = { role: 'client', name: null } as const;
      const parts = {
        native,
        quiche,
        expected,
        remote: { address: from.address, port: from.port },
        datagrams,
        packetBytes,
        handshakeMs: LIMITS.quicHandshakeMs,
        liveness,
        onReady,
        onEnd,
      };
      const link = new QuicLink(parts, world);
      links.set(idKey(id), link);
      link.receive(datagram);
      return true;
    } catch (error) {
      leave();
      throw error;
    }
  }

  const close = async (code = 0, reason = '') => {
    accepting = false;
    await Promise.all([...links.values()].map((link) => link.close(code, reason)));
    await datagrams.drained();
    await socket.close();
  };
  return {
    at: socket.at,
    get dropped() {
      return dropped;
    },
    useCredentials(next) {
      checkCredentials(quiche, next);
      credentials = next;
    },
    close,
    [Symbol.asyncDispose]: () => close(),
  };
}
