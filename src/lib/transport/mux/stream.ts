// One stream of a multiplexed connection as a Duplex: sends within the peer's window, and grants its own only as fast as its reader reads.
import { Duplex } from 'node:stream';
import { type LinkStream, StreamReset } from '../link.ts';
import { LARGEST_DATA_BYTES } from './frame.ts';

/** What a stream asks of its connection. */
export interface Carrier {
  data(stream: MuxStream, bytes: Uint8Array): void;
  end(stream: MuxStream): void;
  reset(stream: MuxStream, code: number): void;
  grant(stream: MuxStream, bytes: number): void;
  /** What a window of this size may become: the memory of a connection is one budget. */
  grow(window: number): number;
  /** A window that has grown to this size is not needed any more. Once. */
  release(window: number): void;
  /** Whether the connection has enough for now. */
  isCongested(): boolean;
  /** Calls `resumeSending` when it has not. */
  wait(stream: MuxStream): void;
  /** On the wire both directions are done: its id will not be heard again. Once. */
  over(stream: MuxStream): void;
  /** Nothing of it is left here either. Once. */
  gone(stream: MuxStream): void;
}

/** What a reader that has stopped holds on top of its window. */
const READABLE_BYTES = 16 * 1024;

/** More than the largest chunk that comes from a socket: one that is taken at once must not stop who wrote it. */
const WRITABLE_BYTES = 64 * 1024 + 1;

type Done = (error?: Error | null) => void;

export class MuxStream extends Duplex implements LinkStream {
  readonly streamId: number;
  readonly #carrier: Carrier;
  /** Bytes that we may still send. */
  #credit: number;
  /** Bytes that the peer may still send; with what is queued at most the window. */
  #granted: number;
  #window: number;
  /** What came and did not fit into the reader's buffer. */
  readonly #queue: Buffer[] = [];
  #queuedBytes = 0;
  #held: { bytes: Uint8Array; done: Done } | undefined;
  #receivedEnd = false;
  #sentEnd = false;
  #over = false;

  constructor(streamId: number, carrier: Carrier, windows: { readonly ours: number; readonly theirs: number }) {
    super({ allowHalfOpen: true, readableHighWaterMark: READABLE_BYTES, writableHighWaterMark: WRITABLE_BYTES });
    this.on('error', () => {}); // whoever holds the stream adds a listener of its own
    this.streamId = streamId;
    this.#carrier = carrier;
    this.#credit = windows.theirs;
    this.#granted = windows.ours;
    this.#window = windows.ours;
  }

  /** False when the peer sent more than it may. */
  receive(bytes: Buffer): boolean {
    if (bytes.length > this.#granted || this.#receivedEnd) return false;
    this.#granted -= bytes.length;
    if (this.#queue.length > 0 || this.readableLength >= READABLE_BYTES) {
      this.#queue.push(bytes);
      this.#queuedBytes += bytes.length;
    } else {
      this.push(bytes);
      this.#grantMore();
    }
    return true;
  }

  /** False when there was an end before. */
  receiveEnd(): boolean {
    if (this.#receivedEnd) return false;
    this.#receivedEnd = true;
    this.#carrier.release(this.#window);
    if (this.#sentEnd) this.#finish();
    if (this.#queue.length === 0) this.push(null);
    return true;
  }

  receiveReset(code: number): void {
    this.#finish();
    this.destroy(new StreamReset(code));
  }

  receiveCredit(bytes: number): void {
    this.#credit += bytes;
    this.#offer();
  }

  /** The connection takes data again. */
  resumeSending(): void {
    this.#offer();
  }

  override _read(): void {
    for (let more = true; more; ) {
      const next = this.#queue.shift();
      if (next === undefined) return;
      this.#queuedBytes -= next.length;
      more = this.push(next);
      if (this.#queue.length === 0 && this.#receivedEnd) this.push(null);
    }
    this.#grantMore();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    this.#held = { bytes: chunk, done };
    this.#offer();
  }

  override _final(done: Done): void {
    this.#sentEnd = true;
    this.#carrier.end(this);
    if (this.#receivedEnd) this.#finish();
    done();
  }

  override _destroy(error: Error | null, done: Done): void {
    if (!this.#over) this.#carrier.reset(this, error instanceof StreamReset ? error.code : 0);
    this.#finish();
    const held = this.#held;
    this.#held = undefined;
    if (!this.#receivedEnd) this.#carrier.release(this.#window);
    this.#carrier.gone(this);
    held?.done(error);
    done(error);
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.#carrier.over(this);
  }

  /** One frame at a time while others wait, so that they take turns. */
  #offer(): void {
    const held = this.#held;
    if (held === undefined || this.destroyed) return;
    let { bytes } = held;
    while (bytes.length > 0) {
      if (this.#credit === 0) break;
      if (this.#carrier.isCongested()) {
        this.#carrier.wait(this);
        break;
      }
      const size = Math.min(bytes.length, this.#credit, LARGEST_DATA_BYTES);
      this.#credit -= size;
      this.#carrier.data(this, size === bytes.length ? bytes : bytes.subarray(0, size));
      bytes = bytes.subarray(size);
    }
    if (bytes.length > 0) {
      held.bytes = bytes;
      return;
    }
    this.#held = undefined;
    held.done();
  }

  #grantMore(): void {
    if (this.#receivedEnd || this.destroyed) return;
    const used = this.#granted + this.#queuedBytes;
    if (this.#window - used < this.#window / 2) return;
    // A reader that keeps up is worth more in flight; one that has stopped never gets here.
    if (this.#queuedBytes === 0) this.#window = this.#carrier.grow(this.#window);
    const more = this.#window - used;
    this.#granted += more;
    this.#carrier.grant(this, more);
  }
}
