// One stream of a multiplexed connection as a Duplex: sends within the peer's window, and grants its own only as fast as its reader reads.
import { Duplex } from 'node:stream';
import { type LinkStream, StreamReset } from '../link.ts';
import { Backlog, ownMemory } from './backlog.ts';
import { LARGEST_DATA_BYTES, LARGEST_WINDOW_BYTES, violation } from './frame.ts';

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

/** Node keeps one piece for a reader that has stopped, on top of its window; everything else waits in the backlog, whose cost is bounded. */
const READABLE_BYTES = 1;

/** More than the largest chunk that comes from a socket: one that is taken at once must not stop who wrote it. */
const WRITABLE_BYTES = 64 * 1024 + 1;

type Done = (error?: Error | null) => void;

export class MuxStream extends Duplex implements LinkStream {
  /** 0 until its first frame leaves. */
  streamId: number;
  readonly #carrier: Carrier;
  /** Bytes that we may still send. */
  #credit: number;
  /** Bytes that the peer may still send; with the backlog at most the window. */
  #granted: number;
  #window: number;
  readonly #backlog = new Backlog();
  /** Node has asked for more than there was. */
  #wanted = false;
  #held: { bytes: Uint8Array; done: Done } | undefined;
  #receivedEnd = false;
  #sentEnd = false;
  #over = false;
  #released = false;

  constructor(streamId: number, carrier: Carrier, windows: { readonly ours: number; readonly theirs: number }) {
    super({ allowHalfOpen: true, readableHighWaterMark: READABLE_BYTES, writableHighWaterMark: WRITABLE_BYTES });
    this.on('error', () => {}); // whoever holds the stream adds a listener of its own
    this.streamId = streamId;
    this.#carrier = carrier;
    this.#credit = windows.theirs;
    this.#granted = windows.ours;
    this.#window = windows.ours;
  }

  /** Error `protocol.violation`. */
  receive(bytes: Buffer): void {
    if (this.#receivedEnd) throw violation('bytes after the end');
    if (bytes.length > this.#granted) throw violation('more bytes than the window allows');
    this.#granted -= bytes.length;
    if (this.#wanted) {
      this.#wanted = false;
      this.push(this.readableFlowing ? bytes : ownMemory(bytes));
      this.#grantMore();
    } else this.#backlog.add(bytes);
  }

  /** Error `protocol.violation`. */
  receiveEnd(): void {
    if (this.#receivedEnd) throw violation('a second end');
    this.#receivedEnd = true;
    if (this.#sentEnd) this.#finish();
    if (this.#backlog.bytes === 0) this.#endReading();
  }

  receiveReset(code: number): void {
    this.#finish();
    this.destroy(new StreamReset(code));
  }

  /** Error `protocol.violation`. */
  receiveCredit(bytes: number): void {
    this.#credit += bytes;
    if (bytes === 0 || this.#credit > LARGEST_WINDOW_BYTES) throw violation(`a window of ${this.#credit} bytes, ${bytes} of them new`);
    this.#offer();
  }

  /** The connection takes data again. */
  resumeSending(): void {
    this.#offer();
  }

  override _read(): void {
    const next = this.#backlog.take();
    this.#wanted = next === undefined;
    if (next === undefined) return;
    this.push(next);
    if (this.#receivedEnd && this.#backlog.bytes === 0) this.#endReading();
    else this.#grantMore();
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
    this.#release();
    this.#carrier.gone(this);
    held?.done(error);
    done(error);
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.#carrier.over(this);
  }

  #endReading(): void {
    this.#release();
    this.push(null);
  }

  /** Not before the backlog has been read: it is what the window was for. */
  #release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#carrier.release(this.#window);
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
    const used = this.#granted + this.#backlog.bytes;
    if (this.#window - used < this.#window / 2) return;
    // A reader that keeps up is worth more in flight; one that has stopped never gets here.
    if (this.#backlog.bytes === 0) this.#window = this.#carrier.grow(this.#window);
    const more = this.#window - used;
    this.#granted += more;
    this.#carrier.grant(this, more);
  }
}
