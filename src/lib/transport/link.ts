// What every transport offers: one mutually authenticated connection that carries streams. It knows no message of ours.
import type { Duplex } from 'node:stream';
import type { SocketAddress } from '../base/world.ts';

export type TransportName = 'memory' | 'quic' | 'tls';

export interface Link extends AsyncDisposable {
  readonly transport: TransportName;
  /** The ALPN that both sides agreed on. */
  readonly alpn: string;
  readonly remote: SocketAddress;
  /** The peer's leaf in DER, verified against the CA by the transport, its meaning not judged. */
  readonly peerCertificate: Uint8Array;
  /** Streams open now, either side's. */
  readonly streams: number;
  /** Waits for stream credit; rejects with the signal's reason, or `link.lost` when the link ends meanwhile. */
  openStream(signal: AbortSignal): Promise<LinkStream>;
  /** The peer's next stream, in order; rejects as `openStream`. */
  acceptStream(signal: AbortSignal): Promise<LinkStream>;
  /** Ends the link and every stream on it; `code` and `reason` reach the peer. Calling twice is calling once. */
  close(code?: number, reason?: string): Promise<void>;
  /** Settles once, when the link has ended for whatever cause. Never rejects. */
  readonly closed: Promise<LinkEnd>;
  /** Monotonic ms of the last authenticated packet from the peer. */
  lastReceived(): number;
}

/** How the reason begins where the peer's transport did not take our certificate: it has no code to say so. */
export const REFUSED_BY_PEER = 'the peer refused: ';

/** Who ended a link, and how. `code` is the peer's or our application code; transport errors have none. */
export interface LinkEnd {
  readonly by: 'us' | 'peer' | 'silence' | 'fault';
  readonly code: number | undefined;
  readonly reason: string;
}

/**
 * A stream of a link. The peer sees it with its first byte, its end or its reset, not before. `end()` is a half-close; the other direction stays open.
 * `destroy(new StreamReset(code))` arrives at the peer as 'error' with a StreamReset of that code, in both directions;
 * `destroy()` before both directions have ended resets with code 0. allowHalfOpen is always true.
 * An 'error' that nobody listens to is dropped: a stream that still waits to be accepted must not end the process.
 * Bytes are taken from the transport only when the reader asks, so a reader that stops stops the peer.
 */
export interface LinkStream extends Duplex {
  readonly streamId: number;
}

export class StreamReset extends Error {
  override readonly name = 'StreamReset';
  readonly code: number;
  constructor(code: number, message = `stream reset with code ${code}`) {
    super(message);
    this.code = code;
  }
}

/** A peer that showed or offered what is not taken, and so never became a link. */
export interface RefusedPeer {
  readonly transport: TransportName;
  readonly remote: SocketAddress;
  readonly reason: string;
}

/** The agent's side: one attempt. */
export type DialLink = (signal: AbortSignal) => Promise<Link>;

/** The edge's side: links as they complete. */
export interface LinkListener extends AsyncDisposable {
  readonly at: SocketAddress;
  /** Stops accepting links and ends those there are, each with `code` and `reason`. */
  close(code?: number, reason?: string): Promise<void>;
}

/** What a transport needs to authenticate itself and its peer. All PEM. */
export interface LinkCredentials {
  readonly certificatePem: string;
  readonly privateKeyPem: string;
  readonly trustedCaPem: string;
  /** Most preferred first. */
  readonly alpn: readonly string[];
}
