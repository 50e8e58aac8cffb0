// One QUIC stream as a Duplex: takes bytes from the engine only when the reader asks, so that QUIC's flow control reaches the peer.
import { Duplex } from 'node:stream';
import { type LinkStream, StreamReset } from '../link.ts';
import { FIRST_STREAM_WINDOW, type Reader } from './windows.ts';

/** What a stream asks of its link. `receive` and `send` throw a StreamReset when the peer has reset or stopped the stream. */
export interface Carrier {
  /** The next bytes, or undefined when there are none yet; with 'peek' none are taken, and only an end or a reset shows. */
  receive(id: number, how: 'take' | 'peek'): { bytes: Buffer; fin: boolean } | undefined;
  /** How many bytes were taken; what does not fit yet is offered again when the stream is told `capacityMayHaveGrown`. */
  send(stream: QuicStream, bytes: Uint8Array, fin: boolean): number;
  /** Calls `send` when a FIN may leave: now or in a later turn, never when the stream has gone meanwhile. */
  end(stream: QuicStream, send: () => void): void;
  /** Has the peer said STOP_SENDING? Then its code. */
  stopped(id: number): number | undefined;
  abandon(id: number, code: number, unfinished: { reading: boolean; writing: boolean }): void;
  readingEnded(stream: QuicStream, delivered: number): void;
  writingEnded(stream: QuicStream, sent: number): void;
  blocked(stream: QuicStream): void;
  gone(stream: QuicStream): void;
}

type Done = (error?: Error | null) => void;

export class QuicStream extends Duplex implements LinkStream {
  readonly streamId: number;
  readonly #carrier: Carrier;
  #asked = false;
  #delivered = 0;
  /** Bytes until the end, once the peer has said so. */
  #endsAt: number | undefined;
  #wanted = false;
  #reading = true;
  #writing = true;
  #stopCode: number | undefined;
  #held: { bytes: Uint8Array; done: Done } | undefined;
  #sent = 0;

  constructor(streamId: number, carrier: Carrier) {
    super({ allowHalfOpen: true });
    this.on('error', () => {}); // whoever holds the stream adds a listener of its own
    this.streamId = streamId;
    this.#carrier = carrier;
  }

  get reader(): Reader {
    if (!this.#asked || !this.#reading) return 'none';
    if (!this.#wanted) return 'resting';
    return this.#delivered < FIRST_STREAM_WINDOW ? 'wanting' : 'transferring';
  }

  /** The engine has something to read: bytes for a reader that asked, or a reset, which also a reader that has stopped must learn of. */
  arrived(): void {
    this.#pull(this.#wanted ? 'take' : 'peek');
  }

  /** The peer has sent so many bytes and no more, whether or not its FIN arrives. */
  endsAt(bytes: number): void {
    this.#endsAt = bytes;
    if (!this.#reading || this.destroyed || bytes > this.#delivered) return;
    this.#endReading();
    this.push(null);
  }

  /** The peer has reset the stream, whether or not its RESET_STREAM arrives. */
  wasReset(code: number): void {
    this.destroy(new StreamReset(code));
  }

  /** The peer wants no more bytes, whether or not its STOP_SENDING arrives. */
  wasStopped(code: number): void {
    if (!this.destroyed && this.#writing && this.#stopCode === undefined) this.#stop(code);
  }

  /** Bytes that are held may fit now. */
  capacityMayHaveGrown(): void {
    const held = this.#held;
    if (!held || this.destroyed) return;
    this.#held = undefined;
    this.#offer(held.bytes, held.done);
  }

  /** A peer that resets a stream of which it has sent the end can only say STOP_SENDING, and nothing else would show it to a writer that rests. */
  checkStopped(): void {
    if (this.destroyed || !this.#writing || this.#stopCode !== undefined) return;
    const code = this.#carrier.stopped(this.streamId);
    if (code !== undefined) this.#stop(code);
  }

  override _read(): void {
    this.#asked = true;
    this.#wanted = true;
    this.#pull('take');
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    this.#offer(chunk, done);
  }

  override _final(done: Done): void {
    const send = () => {
      this.#carrier.send(this, new Uint8Array(0), true);
      this.#carrier.writingEnded(this, this.#sent);
      this.#writing = false;
      done();
    };
    this.#carrier.end(this, () => this.#guard(send));
  }

  override _destroy(error: Error | null, done: Done): void {
    const code = error instanceof StreamReset ? error.code : 0;
    if (this.#reading || this.#writing) this.#carrier.abandon(this.streamId, code, { reading: this.#reading, writing: this.#writing });
    const held = this.#held;
    this.#held = undefined;
    this.#carrier.gone(this);
    held?.done(error);
    done(error);
  }

  #pull(how: 'take' | 'peek'): void {
    if (this.destroyed || !this.#reading) return;
    this.#guard(() => {
      const received = this.#carrier.receive(this.streamId, how);
      if (!received) return;
      if (how === 'take') this.#wanted = false;
      this.#delivered += received.bytes.length;
      const over = received.fin || this.#delivered >= (this.#endsAt ?? Number.POSITIVE_INFINITY);
      if (over) this.#endReading();
      if (received.bytes.length > 0) this.push(received.bytes);
      if (over) this.push(null);
    });
  }

  #endReading(): void {
    this.#reading = false;
    this.#carrier.readingEnded(this, this.#delivered);
  }

  #offer(bytes: Uint8Array, done: Done): void {
    if (this.#stopCode !== undefined) {
      this.#held = { bytes, done }; // decided by what the reading side brings
      return;
    }
    this.#guard(
      () => {
        const taken = this.#carrier.send(this, bytes, false);
        this.#sent += taken;
        if (taken === bytes.length) return done();
        this.#held = { bytes: bytes.subarray(taken), done };
        this.#carrier.blocked(this);
      },
      { bytes, done },
    );
  }

  /**
   * The peer wants no more bytes. Its answer may still be under way (a stock agent sends its refusal, FIN and STOP_SENDING together), so the
   * reading side decides: at its end, or at once when it was reset.
   */
  #stop(code: number): void {
    this.#stopCode = code;
    if (!this.#reading && this.readableEnded) return void this.destroy(new StreamReset(code));
    this.once('end', () => this.destroy(new StreamReset(code)));
    this.#pull('peek');
  }

  #guard(work: () => void, held?: { bytes: Uint8Array; done: Done }): void {
    try {
      work();
    } catch (error) {
      if (error instanceof StreamStopped) {
        this.#held = held;
        this.#stop(error.code);
      } else this.destroy(error instanceof Error ? error : new Error(String(error)));
    }
  }
}

/** Thrown by `Carrier.send`: the peer said STOP_SENDING. */
export class StreamStopped extends Error {
  readonly code: number;
  constructor(code: number) {
    super(`stream stopped with code ${code}`);
    this.code = code;
  }
}
