// What leaves on one connection: packets as the engine has them ready, copies of those that must arrive, and how large they may be. Its loop says when.
import type { SocketAddress } from '../../base/world.ts';
import type { Datagrams } from './datagrams.ts';
import type { NativeConnection } from './native.ts';
import { PacketSize } from './packet-size.ts';
import { type Losses, Repeats } from './repeats.ts';

// Packets sent in a row before others get their turn and acknowledgements are read.
const PACKETS_PER_FLUSH = 64;
const ROOM_FOR_AN_END = 256;

export interface DepartureParts {
  readonly native: NativeConnection;
  readonly datagrams: Datagrams;
  readonly remote: SocketAddress;
  readonly packetBytes: number;
  /** Monotonic ms. */
  readonly now: () => number;
  /** There is more to send, or room again. */
  readonly wake: () => void;
  /** A packet of so many bytes has left for the first time. */
  readonly sent: (bytes: number) => void;
}

export class Departures {
  readonly #parts: DepartureParts;
  readonly #repeats: Repeats;
  readonly #packetSize: PacketSize;
  #flushes = 0;
  #endLeavesWithin = 0;
  #wroteSinceReceive = 0;
  #sentSinceReceive = 0;
  #failure: { readonly errno: string; readonly at: number } | undefined;

  constructor(parts: DepartureParts) {
    this.#parts = parts;
    this.#packetSize = new PacketSize(parts.packetBytes);
    this.#repeats = new Repeats((datagram) => this.#sendAgain(datagram));
  }

  /** How often all that was ready has been sent: bytes given to the engine since the last time have not left yet. */
  get flushes(): number {
    return this.#flushes;
  }

  /** Monotonic ms of the next call of `tick` that is worth making. */
  get tickAt(): number {
    return this.#repeats.at;
  }

  established(): void {
    this.#repeats.established();
  }

  /** A datagram of the peer came. */
  heard(now: number): void {
    this.#repeats.heard(now);
    this.#wroteSinceReceive = 0;
    this.#sentSinceReceive = 0;
  }

  /** Bytes that a stream has given to the engine. */
  wrote(bytes: number): void {
    this.#wroteSinceReceive += bytes;
  }

  /** Would a small packet leave at once? `capacity` is what the engine says of a stream: it counts from the last packet received, and what was written. */
  hasRoom(capacity: number): boolean {
    return capacity + this.#wroteSinceReceive - this.#sentSinceReceive >= ROOM_FOR_AN_END;
  }

  /** One of the first `datagrams` that leave from now on carries an end, a reset or a STOP_SENDING, which must arrive. */
  expectEnd(datagrams: number): void {
    this.#endLeavesWithin = Math.max(this.#endLeavesWithin, datagrams);
  }

  /** All that is ready, up to a turn's worth. `last`: nobody is there any more to be woken for the rest. Throws what the engine throws. */
  flush({ last = false } = {}): void {
    const newest = this.#sendReady(last);
    if (newest) this.#repeats.sent(newest, this.#parts.now());
  }

  /** What gets lost is sent again. */
  tick(losses: () => Losses): void {
    this.#repeats.tick(this.#parts.now(), losses);
  }

  /** The engine's timer has rung: a packet may have been too large for the way. */
  timedOut(lastReceived: number): void {
    this.#packetSize.timedOut(this.#parts.now(), lastReceived);
  }

  /** The errno with which a datagram could not be sent at `since` or after. */
  failureSince(since: number): string | undefined {
    return this.#failure !== undefined && this.#failure.at >= since ? this.#failure.errno : undefined;
  }

  /** The last datagram that left, until the next turn. */
  #sendReady(last: boolean): Uint8Array | undefined {
    const { native, datagrams, remote, now, wake, sent } = this.#parts;
    let newest: Uint8Array | undefined;
    for (let left = PACKETS_PER_FLUSH; left > 0; left -= 1) {
      const buffer = datagrams.take(last ? undefined : wake);
      if (!buffer) return newest;
      const made = native.send(buffer.subarray(0, this.#packetSize.bytes));
      if (!made) {
        datagrams.putBack(buffer);
        this.#flushes += 1;
        return newest;
      }
      const [bytes] = made;
      sent(bytes);
      this.#sentSinceReceive += bytes;
      if (newest && this.#repeats.wanted === 'all') this.#repeats.sent(newest, now());
      newest = buffer.subarray(0, bytes);
      if (this.#endLeavesWithin > 0) this.#repeats.keepEnd(newest, now());
      this.#endLeavesWithin = Math.max(0, this.#endLeavesWithin - 1);
      datagrams.send(buffer, bytes, remote, this.#notSent);
    }
    wake();
    return newest;
  }

  #sendAgain(datagram: Uint8Array): void {
    const { datagrams, remote, wake } = this.#parts;
    const buffer = datagrams.take(wake);
    if (!buffer) return; // a full socket: the next copy may fit
    buffer.set(datagram);
    datagrams.send(buffer, datagram.length, remote, this.#notSent);
  }

  readonly #notSent = (errno: string, bytes: number): void => {
    this.#failure = { errno, at: this.#parts.now() };
    if (errno === 'EMSGSIZE') this.#packetSize.tooLarge(bytes);
  };
}
