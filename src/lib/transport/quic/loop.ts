// Drives one native connection for its link: packets in, a turn for the streams, packets out, one timer. Nothing that the engine throws gets past it.
import type { TunnelError } from '../../base/errors.ts';
import type { Log, SocketAddress, Timer, World } from '../../base/world.ts';
import type { Liveness } from '../liveness.ts';
import { Balance, type Readers } from './balance.ts';
import type { Datagrams } from './datagrams.ts';
import { Departures } from './departures.ts';
import { type Ending, ending, endingOf } from './ending.ts';
import type { NativeConnection } from './native.ts';
import { Patience } from './patience.ts';
import type { Losses } from './repeats.ts';

// We pin the 4-tuple ourselves (endpoint.ts), so the engine is shown one path for ever: with a second one it can be made to loop (architecture.md, 2).
const HERE = { host: '127.0.0.1', port: 1 };
const THERE = { host: '127.0.0.1', port: 2 };
export const PATH = { here: HERE, there: THERE } as const;
const BAD_CERTIFICATE = 0x100 + 42; // RFC 9001 4.8
const PROTOCOL_VIOLATION = 0x0a; // RFC 9000 20.1
const INCOMING = { from: THERE, to: HERE };

// Below the idle timeout of 120 s, above any probe timeout of a link that lives.
const LONGEST_PROBE_MS = 60_000;

export interface LoopEvents {
  /** The engine may have news: establishment, streams, credit. */
  turn(): void;
  /** A keep-alive is about to leave, and may carry something. */
  ping(): void;
  /** Who reads what arrives. */
  readers(): Readers;
  /** Called once; the endpoint may forget the connection. */
  ended(ending: Ending): void;
}

export class ConnectionLoop {
  readonly #native: NativeConnection;
  readonly #world: World;
  readonly #log: Log;
  readonly #events: LoopEvents;
  readonly #patience: Patience;
  readonly #balance: Balance;
  readonly #departures: Departures;
  #scheduled = false;
  #ended = false;
  #timer: Timer | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  #datagramAt: number;
  #receivedAt: number;
  #receivedPackets = 0;

  constructor(
    native: NativeConnection,
    datagrams: Datagrams,
    remote: SocketAddress,
    packetBytes: number,
    handshakeMs: number,
    events: LoopEvents,
    world: World,
  ) {
    this.#native = native;
    this.#events = events;
    this.#world = world;
    this.#log = world.log.child({ remote: `${remote.address} ${remote.port}` });
    const now = world.clock.monotonic();
    this.#datagramAt = now;
    this.#receivedAt = now;
    this.#patience = new Patience(now, handshakeMs);
    this.#balance = new Balance(now);
    this.#departures = new Departures({
      native,
      datagrams,
      remote,
      packetBytes,
      now: () => this.now(),
      wake: () => this.soon(),
      sent: (bytes) => this.#balance.sent(bytes),
    });
  }

  get over(): boolean {
    return this.#ended;
  }

  /** The handshake is done: from now on silence is judged. */
  established(liveness: Liveness): void {
    this.#patience.established(liveness);
    this.#departures.established();
  }

  /** The datagram is decrypted in place. */
  receive(datagram: Uint8Array): void {
    if (this.#ended) return;
    this.#datagramAt = this.#world.clock.monotonic();
    this.#balance.received(datagram.length, this.#datagramAt);
    this.#departures.heard(this.#datagramAt);
    try {
      this.#native.recv(datagram, INCOMING);
    } catch (error) {
      this.#log.debug({ error }, 'packet refused by the engine'); // it has then closed the connection itself, with the reason on its way to the peer
    }
    this.soon();
  }

  /** Bytes that a stream has given to the engine. */
  wrote(bytes: number): void {
    this.#departures.wrote(bytes);
  }

  /** Would a small packet leave at once? `capacity` is what the engine says of a stream. */
  hasRoom(capacity: number): boolean {
    return this.quiet || this.#departures.hasRoom(capacity);
  }

  /**
   * Packets of this connection come from elsewhere: the peer has moved, or someone pretends. Whoever is asked at the old address and answers has not
   * moved; otherwise the link ends soon, and its id is unknown to the next packet from the new address, which is answered by a stateless reset.
   */
  doubt(): void {
    if (this.#ended || !this.#patience.doubt(this.now())) return;
    this.#native.sendAckEliciting();
    this.soon();
  }

  /** How often what was ready has been sent: bytes given to the engine since the last time have not left yet. */
  get flushes(): number {
    return this.#departures.flushes;
  }

  /** Nothing waits for an acknowledgement: the engine's next deadline is then the distant idle timeout, which announced pings keep distant. */
  get quiet(): boolean {
    const next = this.#native.timeout();
    return next === null || next > LONGEST_PROBE_MS;
  }

  delivered(bytes: number): void {
    this.#balance.delivered(bytes);
  }

  abandoned(bytes: number): void {
    this.#balance.abandoned(bytes);
  }

  finished(): void {
    this.#balance.finished();
  }

  now(): number {
    return this.#world.clock.monotonic();
  }

  /** As the clock's, and what it brought leaves at once. */
  after(ms: number, work: () => void): Timer {
    return this.#world.clock.after(ms, () => {
      if (this.#ended) return;
      try {
        work();
      } catch (cause) {
        return this.fault(cause);
      }
      this.soon();
    });
  }

  /** A turn follows once what is ready now has been taken in: at once when idle, one for many packets when busy. */
  soon(): void {
    if (this.#scheduled || this.#ended) return;
    this.#scheduled = true;
    setImmediate(this.#turn);
  }

  /** Sends what the engine has ready. One of the first `endLeavesWithin` datagrams carries an end, a reset or a STOP_SENDING, which must arrive. */
  flush(endLeavesWithin = 0): void {
    if (this.#ended) return;
    this.#departures.expectEnd(endLeavesWithin);
    try {
      this.#departures.flush();
    } catch (cause) {
      this.fault(cause);
    }
  }

  readonly #losses = (): Losses => ({
    lost: this.#native.stats().lost,
    roundTripMs: this.#patience.isEstablished ? (this.#native.pathStats()[0]?.rtt ?? 0) : 0,
    quiet: this.quiet,
    heardAt: this.#datagramAt,
  });

  /** Ends the connection; the peer hears `code` and `reason`. Does nothing when it has ended already. */
  close(code: number, reason: string, how: Ending): void {
    if (this.#ended) return;
    this.#attempt(() => this.#native.close(true, code, Buffer.from(reason)));
    this.#end(how);
  }

  /** Ends it during the handshake, because the peer is not whom we want; it hears the alert `bad_certificate`. */
  refuse(error: TunnelError): void {
    if (this.#ended) return;
    this.#attempt(() => this.#native.close(false, BAD_CERTIFICATE, Buffer.from('')));
    this.#end({ end: { by: 'us', code: undefined, reason: error.message }, error });
  }

  /** Ends it because something here failed; the cause goes to the log, not to the peer. */
  fault(cause: unknown): void {
    this.#log.error({ error: cause }, 'link failed');
    this.close(0, 'internal error', ending({ by: 'fault', code: undefined, reason: 'internal error' }, 'internal', 'the link failed', cause));
  }

  /** Monotonic ms of the last packet that the engine could authenticate. */
  lastReceived(): number {
    if (this.#ended || this.#datagramAt === this.#receivedAt) return this.#receivedAt;
    const packets = this.#native.stats().recv;
    if (packets > this.#receivedPackets) this.#receivedAt = this.#datagramAt;
    this.#receivedPackets = packets;
    return this.#receivedAt;
  }

  /** Ends it because the peer costs more than it brings. */
  #accuse(verdict: string): void {
    this.#log.warn({ verdict }, 'link closed: the peer floods it');
    this.#attempt(() => this.#native.close(false, PROTOCOL_VIOLATION, Buffer.from('')));
    this.#end(ending({ by: 'fault', code: undefined, reason: verdict }, 'link.lost', verdict));
  }

  readonly #readers = (): Readers => this.#events.readers();

  readonly #turn = (): void => {
    this.#scheduled = false;
    if (this.#ended) return;
    try {
      this.#events.turn();
      if (this.#ended) return;
      const verdict = this.#balance.verdict(this.#readers);
      if (verdict !== undefined) this.#accuse(verdict);
      else this.#departures.flush();
      if (this.#ended) return;
      if (this.#native.isDraining() || this.#native.isClosed()) this.#end(endingOf(this.#native));
      else this.#arm();
    } catch (cause) {
      this.fault(cause);
    }
  };

  /** One timer for the engine's own deadlines, the handshake's, the keep-alive's and the silence's. It may ring early, never late. */
  #arm(): void {
    const now = this.#world.clock.monotonic();
    const engine = this.#native.timeout();
    const at = Math.min(
      this.#departures.tickAt,
      engine === null ? Number.POSITIVE_INFINITY : now + engine,
      this.#patience.lookAgainAt(this.#receivedAt, this.#datagramAt),
    );
    if (at >= this.#timerAt) return;
    this.#timer?.cancel();
    this.#timerAt = at;
    this.#timer = this.#world.clock.after(Math.max(1, Math.ceil(at - now)), this.#ring);
  }

  readonly #ring = (): void => {
    this.#timer = undefined;
    this.#timerAt = Number.POSITIVE_INFINITY;
    if (this.#ended) return;
    try {
      if (this.#native.timeout() === 0) this.#engineTimeout();
      this.#departures.tick(this.#losses);
      if (!this.#ended) this.#judgeSilence();
    } catch (cause) {
      this.fault(cause);
    }
    this.#turn();
  };

  #engineTimeout(): void {
    this.#native.onTimeout();
    this.#departures.timedOut(this.lastReceived()); // a copy of an old packet is no answer
  }

  #judgeSilence(): void {
    const verdict = this.#patience.judge(this.now(), this.lastReceived());
    if (verdict === 'fine') return;
    if (verdict !== 'ping') {
      this.#silent(verdict.silent);
      return;
    }
    this.#events.ping();
    this.#native.sendAckEliciting();
  }

  #silent(what: string): void {
    const failed = this.#departures.failureSince(this.#receivedAt);
    const reason = failed === undefined ? what : `${what}; datagrams could not be sent: ${failed}`;
    this.close(0, reason, ending({ by: 'silence', code: undefined, reason }, 'gateway.silent', reason));
  }

  /** What is left to say (CONNECTION_CLOSE) is said once; if it gets lost, the peer's next packet is answered by a stateless reset. */
  #end(how: Ending): void {
    this.#ended = true;
    this.#timer?.cancel();
    this.#attempt(() => this.#departures.flush({ last: true }));
    this.#events.ended(how);
  }

  #attempt(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#log.debug({ error }, 'the engine refused to close');
    }
  }
}
