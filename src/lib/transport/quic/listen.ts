// The edge's side of QUIC: one UDP socket, connections by id, and an answer or none for every datagram of a stranger.
import type { TunnelError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { SocketAddress, World } from '../../base/world.ts';
import { Allowance, AllowanceBySource, HalfOpen, sourceOf } from '../admission.ts';
import type { Link, LinkCredentials, LinkListener, RefusedPeer } from '../link.ts';
import type { Liveness } from '../liveness.ts';
import { isRefusal } from '../peer-certificate.ts';
import { checkCredentials, makeConfig } from './config.ts';
import { Datagrams } from './datagrams.ts';
import { type DropCounts, type DropReason, Drops } from './drops.ts';
import { QuicLink } from './link.ts';
import { PATH } from './loop.ts';
import { loadQuiche } from './native.ts';
import {
  CONNECTION_ID_BYTES,
  idKey,
  LONGEST_ID_BYTES,
  type LongHeader,
  QUIC_V1,
  readHeader,
  readInitialToken,
  SMALLEST_INITIAL_BYTES,
  versionNegotiation,
} from './packet.ts';
import { isSame, packetBytesFor } from './path.ts';
import { retryTokens } from './retry.ts';
import { statelessResets } from './stateless-reset.ts';

const SHORTEST_FIRST_ID = 8; // RFC 9000 7.2
// Each kind of answer has its own, so that a flood of one takes nothing from the others.
const RESETS_PER_SECOND = 1000; // as many agents may notice a restart at once
const RESETS_PER_SOURCE_PER_SECOND = 50; // a link that was ended may go on sending; it must not take all of them
const VERSION_NEGOTIATIONS_PER_SECOND = 100;
const RETRIES_PER_SECOND = 5000; // 25 us each and the sending, measured: a flood of Initials takes a fifth of a core, not all of it
const HANDSHAKES_PER_SOURCE_PER_SECOND = 200; // about a third of a core

export interface QuicListenOptions {
  readonly at: SocketAddress;
  readonly credentials: LinkCredentials;
  /** Kept over restarts, so that links of the process before are told that they are over. */
  readonly secret: Uint8Array;
  /** A link whose client certificate is of our CA, meant for clients, and proven. */
  readonly onLink: (link: Link) => void;
  /** A handshake that ended because we did not take the peer's certificate or protocols. */
  readonly onRefused?: (refused: RefusedPeer) => void;
  /** For tests: shorter than the limits. */
  readonly liveness?: Liveness;
}

export interface QuicListener extends LinkListener {
  /** For handshakes from now on. Error `config.invalid`, which keeps the old. */
  useCredentials(credentials: LinkCredentials): void;
  /** Datagrams that got no answer and reached no link, since the start, by reason. */
  readonly dropped: DropCounts;
  /** Handshakes under way. */
  readonly halfOpen: number;
}

/** Errors `port.in-use`, `address.not-here`, `quic.unavailable`, `config.invalid` for credentials that do not fit together. */
export async function listenQuic({ at, credentials: first, secret, onLink, onRefused, liveness }: QuicListenOptions, world: World): Promise<QuicListener> {
  const quiche = await loadQuiche();
  let credentials = first;
  checkCredentials(quiche, credentials);

  const retries = retryTokens(secret);
  const resets = statelessResets(secret);
  const halfOpen = new HalfOpen();
  const resetsLeft = new Allowance(RESETS_PER_SECOND);
  const resetsBySource = new AllowanceBySource(RESETS_PER_SOURCE_PER_SECOND);
  const negotiationsLeft = new Allowance(VERSION_NEGOTIATIONS_PER_SECOND);
  const retriesLeft = new Allowance(RETRIES_PER_SECOND);
  const handshakesLeft = new AllowanceBySource(HANDSHAKES_PER_SOURCE_PER_SECOND);
  const drops = new Drops(world.log);
  const links = new Map<string, QuicLink>();
  let accepting = true;

  const socket = await world.net.bindUdp(at, (datagram, from) => {
    let dropped: DropReason | undefined;
    try {
      dropped = receive(datagram, from);
    } catch (error) {
      dropped = 'engine';
      world.log.debug({ error, from }, 'datagram refused by the engine');
    }
    if (dropped !== undefined) drops.add(dropped, from, world.clock.monotonic());
  });
  const datagrams = new Datagrams(socket, world.log, () => world.clock.monotonic());

  /** Why it is dropped, if it is. */
  function receive(datagram: Uint8Array, from: SocketAddress): DropReason | undefined {
    const header = from.port === 0 ? undefined : readHeader(datagram);
    if (!header) return 'unreadable';
    const link = links.get(idKey(header.destination));
    if (link) {
      // A peer that moved gets a new link soon enough; an engine that is shown a second path can be made to spin (architecture.md, decision 2).
      if (!isSame(link.remote, from)) {
        link.doubt();
        return 'moved';
      }
      link.receive(datagram);
      return undefined;
    }
    if (header.form === 'short') return reset(header.destination, datagram.length, from);
    if (datagram.length < SMALLEST_INITIAL_BYTES) return 'small';
    if (header.version !== QUIC_V1) return answer(versionNegotiation(header, world.random.bytes(1)[0] ?? 0), negotiationsLeft, from);
    if (!header.initial) return 'unknown';
    return accepting ? receiveInitial(datagram, header, from) : 'stopping';
  }

  function reset(id: Uint8Array, bytes: number, from: SocketAddress): DropReason | undefined {
    if (!resetsBySource.spend(sourceOf(from.address), world.clock.monotonic())) return 'unanswered';
    return answer(resets.answer(id, bytes, world.random), resetsLeft, from);
  }

  function answer(packet: Uint8Array | undefined, left: Allowance, to: SocketAddress): DropReason | undefined {
    if (!packet) return 'unknown';
    if (!left.spend(world.clock.monotonic())) return 'unanswered';
    socket.send(packet, to);
    return undefined;
  }

  function receiveInitial(datagram: Uint8Array, header: LongHeader, from: SocketAddress): DropReason | undefined {
    const token = readInitialToken(datagram, header);
    const { destination, source } = header;
    if (!token || destination.length < SHORTEST_FIRST_ID || destination.length > LONGEST_ID_BYTES || source.length > LONGEST_ID_BYTES) return 'token';
    if (token.length === 0) return retry(header, from);
    const original = retries.open(token, from, destination, world.clock.now());
    return original === undefined ? 'token' : accept(datagram, destination, original, from);
  }

  function retry(header: LongHeader, from: SocketAddress): DropReason | undefined {
    if (!retriesLeft.spend(world.clock.monotonic())) return 'unanswered';
    const chosen = world.random.bytes(CONNECTION_ID_BYTES);
    const token = retries.mint(from, header.destination, chosen, world.clock.now());
    const packet = Buffer.alloc(SMALLEST_INITIAL_BYTES);
    const bytes = quiche.retry(header.source, header.destination, chosen, token, QUIC_V1, packet);
    socket.send(packet.subarray(0, bytes), from);
    return undefined;
  }

  function accept(datagram: Uint8Array, chosen: Uint8Array, original: Uint8Array, from: SocketAddress): DropReason | undefined {
    const [source, now] = [sourceOf(from.address), world.clock.monotonic()];
    if (!handshakesLeft.spend(source, now)) return 'too-often';
    let evict = () => {};
    const leave = halfOpen.enter(source, now, () => evict());
    if (!leave) return 'half-open';
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
      const onEnd = async (ended: QuicLink, error: TunnelError) => {
        leave();
        if (!isReady) world.log.info({ from, error }, 'handshake failed');
        if (!isReady && isRefusal(error) && (await ended.closed).by !== 'peer') onRefused?.({ transport: 'quic', remote: ended.remote, reason: error.message });
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
      evict = () => void link.close(0, 'the handshake took too long');
      links.set(idKey(id), link);
      link.receive(datagram);
      return undefined;
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
      return drops.counts;
    },
    get halfOpen() {
      return halfOpen.size;
    },
    useCredentials(next) {
      checkCredentials(quiche, next);
      credentials = next;
    },
    close,
    [Symbol.asyncDispose]: () => close(),
  };
}
