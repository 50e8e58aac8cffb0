// The streams of one QUIC connection: those we open when there is credit, those that the peer opens, and who must be told what after each turn.

import type { Timer } from '../../base/world.ts';
import { Arrivals } from '../arrivals.ts';
import { type LinkStream, StreamReset } from '../link.ts';
import type { Readers } from './balance.ts';
import type { EndNotice } from './end-notices.ts';
import { EndsStream } from './ends-stream.ts';
import type { NativeConnection, Quiche } from './native.ts';
import { type Carrier, QuicStream, StreamStopped } from './stream.ts';
import { FIRST_STREAM_WINDOW, windowOf } from './windows.ts';

const READ_BYTES = 64 * 1024;
// Filled by the engine, copied from at once: one for all links of the process.
const readBuffer = Buffer.alloc(READ_BYTES);
const NOTHING = new Uint8Array(0);
// Streams have 127: an end that has no bytes before it leaves at once.
const FIRST_OF_ALL = 0;
// Acknowledgements, and what has waited for room, may leave before an end for which there is none.
const END_WITHOUT_ROOM_WITHIN = 3;

/** What the table asks of the loop that drives the connection. */
export interface Loop {
  soon(): void;
  flush(endLeavesWithin?: number): void;
  wrote(bytes: number): void;
  hasRoom(capacity: number): boolean;
  readonly over: boolean;
  readonly flushes: number;
  /** Bytes that a reader took. */
  delivered(bytes: number): void;
  after(ms: number, work: () => void): Timer;
  /** A stream that may have held so many ended before they were read. */
  abandoned(bytes: number): void;
  /** A stream that brought more than its first window was read to its end. */
  finished(): void;
}

export class StreamTable {
  readonly #native: NativeConnection;
  readonly #shutdown: Quiche['Shutdown'];
  readonly #loop: Loop;
  readonly #ours: 0 | 1;
  readonly #open = new Map<number, QuicStream>();
  readonly #blocked = new Set<QuicStream>();
  readonly #halfClosed = new Set<QuicStream>();
  /** Flushes when a stream last gave bytes to the engine. */
  readonly #sentAt = new WeakMap<QuicStream, number>();
  /** Streams whose end waits for room. */
  readonly #ending = new Map<QuicStream, () => void>();
  readonly #arrived = new Arrivals<LinkStream>();
  readonly #credited = new Arrivals<LinkStream>();
  readonly #ends: EndsStream;
  #nextOurs: number;
  #nextTheirs: number;
  // Ids that a later stream overtook; quiche shows streams in the order of their packets.
  readonly #skipped = new Set<number>();

  constructor(native: NativeConnection, quiche: Quiche, role: 'client' | 'server', loop: Loop) {
    this.#native = native;
    this.#shutdown = quiche.Shutdown;
    this.#loop = loop;
    this.#ours = role === 'client' ? 0 : 1; // RFC 9000 2.1; bidirectional ids step by four
    this.#nextOurs = this.#ours;
    this.#nextTheirs = 1 - this.#ours;
    this.#ends = new EndsStream(
      native,
      this.#ours,
      (notice) => this.#noticed(notice),
      (ms, work) => loop.after(ms, work),
    );
  }

  get size(): number {
    return this.#open.size;
  }

  readers(): Readers {
    const count = { wanting: 0, transferring: 0, resting: 0, none: 0 };
    for (const { reader } of this.#open.values()) count[reader] += 1;
    return count;
  }

  open(signal: AbortSignal): Promise<LinkStream> {
    const opening = this.#credited.next(signal);
    this.#spendCredit();
    return opening;
  }

  accept(signal: AbortSignal): Promise<LinkStream> {
    return this.#arrived.next(signal);
  }

  /** Both sides say again how streams ended, if both can. */
  repeatEnds(): void {
    this.#ends.begin();
  }

  /** A keep-alive is about to leave. */
  ping(): void {
    this.#ends.ping();
  }

  /** After the engine has taken in packets or time. */
  turn(): void {
    for (const id of this.#native.readable()) {
      const stream = this.#open.get(id);
      if (stream) stream.arrived();
      else if (EndsStream.isUnidirectional(id)) this.#drain(id, (bytes) => this.#ends.received(bytes));
      else if (this.#isNew(id)) this.#arrive(id);
      else this.#drain(id, () => {}); // one that we have destroyed: the engine frees it once its end or reset was taken from it
    }
    this.#endWhatMay(); // before others take the room
    const blocked = [...this.#blocked];
    this.#blocked.clear();
    for (const stream of blocked) stream.capacityMayHaveGrown();
    for (const stream of this.#halfClosed) stream.checkStopped();
    this.#spendCredit();
  }

  /**
   * The engine (quiche 0.18) frees a stream whose bytes were all acknowledged and whose other direction is over, even if the FIN that was written
   * behind them has not left or was lost, and then nobody ever sends it. So a FIN leaves together with bytes that have not left yet, which the engine
   * repeats with it; or, when there is room for a packet, at once and alone, and the loop sees to it that it arrives.
   */
  #endWhatMay(): void {
    for (const [stream, send] of this.#ending) {
      if (!this.#hasRoom(stream.streamId)) continue;
      this.#ending.delete(stream);
      this.#endAlone(stream, send);
    }
  }

  #endAlone(stream: QuicStream, send: () => void): void {
    this.#native.streamPriority(stream.streamId, FIRST_OF_ALL, true);
    send();
    this.#loop.flush(1);
  }

  /** True also for a stream that was stopped meanwhile: its writer learns of that when it tries. */
  #hasRoom(id: number): boolean {
    try {
      return this.#loop.hasRoom(this.#native.streamCapacity(id));
    } catch {
      return true;
    }
  }

  /** The link has ended. */
  fail(error: Error): void {
    this.#ends.stop();
    this.#arrived.fail(error);
    this.#credited.fail(error);
    for (const stream of [...this.#open.values()]) stream.destroy(error);
  }

  /** Asks for credit before it makes an id: at the limit the engine's own answer poisons what comes after. */
  #spendCredit(): void {
    while (this.#credited.wanted > 0 && this.#native.peerStreamsLeftBidi() > 0) {
      const id = this.#nextOurs;
      this.#native.streamSend(id, NOTHING, false); // the engine counts it from here; the peer sees it with its first byte
      this.#nextOurs += 4;
      this.#credited.push(this.#add(id));
    }
  }

  #arrive(id: number): void {
    this.#arrived.push(this.#add(id));
    this.#ends.opened(id);
  }

  #noticed({ kind, streamId, value }: EndNotice): 'done' | 'early' {
    const stream = this.#open.get(streamId);
    if (kind === 'end') stream?.endsAt(value);
    else if (kind === 'reset') stream?.wasReset(value);
    else stream?.wasStopped(value);
    return stream === undefined && this.#mayStillCome(streamId) ? 'early' : 'done';
  }

  #mayStillCome(id: number): boolean {
    return (id & 1) !== this.#ours && !EndsStream.isUnidirectional(id) && (id >= this.#nextTheirs || this.#skipped.has(id));
  }

  /** The queue of streams that nobody accepts is bounded by the streams that we let the peer open. */
  #isNew(id: number): boolean {
    if ((id & 1) === this.#ours) return false;
    for (; this.#nextTheirs <= id; this.#nextTheirs += 4) this.#skipped.add(this.#nextTheirs);
    return this.#skipped.delete(id);
  }

  #add(id: number): QuicStream {
    const stream = new QuicStream(id, this.#carrier);
    this.#open.set(id, stream);
    return stream;
  }

  /** Takes all that there is. */
  #drain(id: number, taken: (bytes: Uint8Array) => void): void {
    try {
      for (let received = this.#native.streamRecv(id, readBuffer); received; received = this.#native.streamRecv(id, readBuffer)) {
        this.#loop.delivered(received[0]);
        taken(readBuffer.subarray(0, received[0]));
      }
    } catch {
      // its reset
    }
  }

  readonly #carrier: Carrier = {
    receive: (id, how) => {
      const received = this.#ask(() => this.#native.streamRecv(id, how === 'take' ? readBuffer : NOTHING));
      if (!received) return undefined;
      this.#loop.delivered(received[0]);
      if (how === 'take') this.#loop.soon(); // room was made: the peer may be owed credit
      return { bytes: Buffer.from(readBuffer.subarray(0, received[0])), fin: received[1] };
    },
    send: (stream, bytes, fin) => {
      const taken = this.#ask(() => this.#native.streamSend(stream.streamId, bytes, fin)) ?? 0;
      if (taken > 0) this.#sentAt.set(stream, this.#loop.flushes);
      this.#loop.wrote(taken);
      if (taken > 0 || fin) this.#loop.soon();
      return taken;
    },
    stopped: (id) => {
      try {
        this.#ask(() => this.#native.streamCapacity(id));
        return undefined;
      } catch (error) {
        this.#loop.flush(END_WITHOUT_ROOM_WITHIN); // the engine answers with a reset of its own, once
        return error instanceof StreamStopped ? error.code : 0; // it has freed a stream that still writes: stopped, and the reset has arrived
      }
    },
    end: (stream, send) => {
      if (this.#sentAt.get(stream) === this.#loop.flushes) return send();
      if (this.#hasRoom(stream.streamId)) return this.#endAlone(stream, send);
      this.#ending.set(stream, send);
    },
    abandon: (id, code, { reading, writing }) => {
      if (this.#loop.over) return;
      const endLeavesWithin = this.#hasRoom(id) ? 1 : END_WITHOUT_ROOM_WITHIN;
      // The engine (quiche 0.18) never frees a stream that is reset while it holds unsent bytes, so those leave first.
      if (writing) this.#loop.flush();
      for (const direction of [...(reading ? [this.#shutdown.Read] : []), ...(writing ? [this.#shutdown.Write] : [])]) {
        try {
          this.#native.streamShutdown(id, direction, code);
        } catch {
          // already over in that direction
        }
      }
      if (reading) this.#drain(id, () => {});
      if (reading) this.#loop.abandoned(windowOf(this.#open.get(id)?.reader));
      this.#loop.flush(endLeavesWithin);
      this.#ends.say({ kind: writing ? 'reset' : 'stop', streamId: id, value: code });
    },
    writingEnded: ({ streamId }, sent) => this.#ends.say({ kind: 'end', streamId, value: sent }),
    readingEnded: (stream, delivered) => {
      this.#halfClosed.add(stream);
      if (delivered >= FIRST_STREAM_WINDOW) this.#loop.finished();
    },
    blocked: (stream) => void this.#blocked.add(stream),
    gone: (stream) => {
      this.#open.delete(stream.streamId);
      this.#blocked.delete(stream);
      this.#halfClosed.delete(stream);
      this.#ending.delete(stream);
    },
  };

  /** The engine's errors arrive as text: `StreamReset(7)`, `StreamStopped(7)`, `InvalidStreamState(4)`. */
  #ask<T>(call: () => T): T {
    try {
      return call();
    } catch (cause) {
      const [, kind, digits] = /^(\w+)\((\d+)\)$/.exec(cause instanceof Error ? cause.message : '') ?? [];
      if (kind === 'StreamReset') throw new StreamReset(Number(digits));
      if (kind === 'StreamStopped') throw new StreamStopped(Number(digits));
      if (kind === 'InvalidStreamState') throw new StreamReset(0, 'the stream is over');
      throw cause;
    }
  }
}
