// The two ends of one stream in memory: a write completes when the other end has room, so a stopped reader stops the writer.
import { Duplex } from 'node:stream';
import { type LinkStream, StreamReset } from '../link.ts';

type Done = (error?: Error | null) => void;

/** Both ends, joined; `streamId` is the same on both. */
export function joinedStreams(streamId: number): [MemoryStream, MemoryStream] {
  const one = new MemoryStream(streamId);
  const other = new MemoryStream(streamId);
  one.peer = other;
  other.peer = one;
  return [one, other];
}

export class MemoryStream extends Duplex implements LinkStream {
  readonly streamId: number;
  peer: MemoryStream | undefined;
  /** Called once, before the first byte, end or reset goes over. */
  onFirstWord: (() => void) | undefined;
  onHeard: (() => void) | undefined;
  #wanted = false;
  #held: { bytes: Buffer | null; done: Done } | undefined;

  constructor(streamId: number) {
    super({ allowHalfOpen: true });
    this.on('error', () => {}); // whoever holds the stream adds a listener of its own
    this.streamId = streamId;
  }

  override _read(): void {
    this.#wanted = true;
    const { peer } = this;
    if (peer) peer.#hand();
  }

  override _write(bytes: Buffer, _encoding: BufferEncoding, done: Done): void {
    this.#offer(bytes, done);
  }

  override _final(done: Done): void {
    this.#offer(null, done);
  }

  override _destroy(error: Error | null, done: Done): void {
    const peer = this.peer;
    const unfinished = !this.readableEnded || !this.writableFinished;
    this.#held?.done(error);
    this.#held = undefined;
    if (unfinished && peer && !peer.destroyed) {
      this.#speak();
      const reset = new StreamReset(error instanceof StreamReset ? error.code : 0);
      queueMicrotask(() => peer.destroy(reset));
    }
    done(error);
  }

  #offer(bytes: Buffer | null, done: Done): void {
    this.#speak();
    this.#held = { bytes, done };
    this.#hand();
  }

  #speak(): void {
    this.onFirstWord?.();
    this.onFirstWord = undefined;
  }

  /** Gives what is held to a peer that asked, a microtask later, so that no two ends call each other for ever. */
  #hand(): void {
    const { peer } = this;
    if (peer === undefined || this.#held === undefined || !peer.#wanted) return;
    const { bytes, done } = this.#held;
    this.#held = undefined;
    peer.#wanted = false;
    queueMicrotask(() => {
      if (peer.destroyed) return done();
      peer.onHeard?.();
      peer.push(bytes === null ? null : Buffer.from(bytes));
      done();
    });
  }
}
