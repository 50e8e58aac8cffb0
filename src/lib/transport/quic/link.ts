// A Link over one native QUIC connection, for dial and listen: establishment, streams, ending.
import { TunnelError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { SocketAddress, World } from '../../base/world.ts';
import type { Link, LinkEnd, LinkStream } from '../link.ts';
import { LIVENESS, type Liveness } from '../liveness.ts';
import { type ExpectedPeer, judgePeerCertificate } from '../peer-certificate.ts';
import type { Datagrams } from './datagrams.ts';
import type { Ending } from './ending.ts';
import { ConnectionLoop } from './loop.ts';
import type { NativeConnection, Quiche } from './native.ts';
import { StreamTable } from './stream-table.ts';

const V2_ALPN = 'gw-agent-tunnel/2';
const V1_KEEP_ALIVE_MS = 15_000; // reference.md, 7

export interface QuicLinkParts {
  readonly native: NativeConnection;
  readonly quiche: Quiche;
  readonly expected: ExpectedPeer;
  readonly remote: SocketAddress;
  readonly datagrams: Datagrams;
  readonly packetBytes: number;
  readonly handshakeMs: number;
  /** Tests shorten it; otherwise the ALPN decides. */
  readonly liveness?: Liveness | undefined;
  /** Established, and the peer's certificate judged. */
  readonly onReady: (link: QuicLink) => void;
  /** Ended, ready or not; resolves when nothing is left of it. */
  readonly onEnd: (link: QuicLink, error: TunnelError) => Promise<void>;
}

export class QuicLink implements Link {
  readonly transport = 'quic';
  readonly remote: SocketAddress;
  readonly closed: Promise<LinkEnd>;
  readonly #parts: QuicLinkParts;
  readonly #loop: ConnectionLoop;
  readonly #streams: StreamTable;
  readonly #settleClosed: (end: LinkEnd) => void;
  readonly #gone = Promise.withResolvers<void>();
  #ready = false;
  #alpn = '';
  #peerCertificate: Uint8Array = new Uint8Array(0);

  constructor(parts: QuicLinkParts, world: World) {
    this.#parts = parts;
    this.remote = parts.remote;
    const { promise, resolve } = Promise.withResolvers<LinkEnd>();
    this.closed = promise;
    this.#settleClosed = resolve;
    const events = {
      turn: () => this.#turn(),
      ping: () => this.#streams.ping(),
      readers: () => this.#streams.readers(),
      ended: (ending: Ending) => this.#ended(ending),
    };
    this.#loop = new ConnectionLoop(parts.native, parts.datagrams, parts.remote, parts.packetBytes, parts.handshakeMs, events, world);
    this.#streams = new StreamTable(parts.native, parts.quiche, parts.expected.role === 'server' ? 'client' : 'server', this.#loop);
    this.#loop.soon();
  }

  get alpn(): string {
    return this.#alpn;
  }

  get peerCertificate(): Uint8Array {
    return this.#peerCertificate;
  }

  get streams(): number {
    return this.#streams.size;
  }

  /** For the endpoint: a datagram from `remote` for this connection. */
  receive(datagram: Uint8Array): void {
    this.#loop.receive(datagram);
  }

  /** For the endpoint: a datagram for this connection, but from elsewhere. */
  doubt(): void {
    this.#loop.doubt();
  }

  async openStream(signal: AbortSignal): Promise<LinkStream> {
    return this.#streams.open(signal);
  }

  async acceptStream(signal: AbortSignal): Promise<LinkStream> {
    return this.#streams.accept(signal);
  }

  lastReceived(): number {
    return this.#loop.lastReceived();
  }

  async close(code = 0, reason = ''): Promise<void> {
    this.#loop.close(code, reason, { end: { by: 'us', code, reason }, error: lost(reason) });
    await this.#gone.promise;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #turn(): void {
    if (!this.#ready && !this.#establish()) return;
    this.#streams.turn(); // in the same turn, so that streams that came with the end of the handshake are seen
  }

  #establish(): boolean {
    const { native, expected, onReady, liveness } = this.#parts;
    if (!native.isEstablished()) return false;
    const [leaf, ...behind] = native.peerCertChain() ?? [];
    try {
      if (!leaf) throw new TunnelError('certificate.refused', 'the peer showed no certificate');
      judgePeerCertificate(leaf, expected, behind);
      this.#peerCertificate = leaf;
    } catch (error) {
      if (!(error instanceof TunnelError)) throw error;
      this.#loop.refuse(error);
      return false;
    }
    this.#alpn = Buffer.from(native.applicationProto()).toString();
    this.#loop.established(liveness ?? livenessOf(this.#alpn));
    if (this.#alpn === V2_ALPN) this.#streams.repeatEnds();
    this.#ready = true;
    onReady(this);
    return true;
  }

  #ended({ end, error }: Ending): void {
    this.#streams.fail(lost(end.reason));
    this.#settleClosed(end);
    this.#parts.onEnd(this, error).then(this.#gone.resolve, this.#gone.resolve);
  }
}

/** security.md, Limits: dead link. */
function livenessOf(alpn: string): Liveness {
  if (alpn === V2_ALPN) return LIVENESS;
  return { keepAliveMs: V1_KEEP_ALIVE_MS, deadLinkMs: LIMITS.idleTimeoutMs };
}

function lost(reason: string): TunnelError {
  return new TunnelError('link.lost', `the link has ended${reason ? `: ${reason}` : ''}`);
}
