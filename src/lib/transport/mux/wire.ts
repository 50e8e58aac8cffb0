// Frames onto a byte stream and off it: what is written in one turn leaves together, and a peer that does not read costs a bounded buffer.
import type { Duplex } from 'node:stream';
import { TunnelError } from '../../base/errors.ts';
import { FRAME, FrameReader, FULL_DATA_BYTES, header, writeLength } from './frame.ts';

/** Bytes in the byte stream's own queue above which streams wait for their turn. */
const ENOUGH_QUEUED_BYTES = 512 * 1024;
/** Frames that are not data do not wait; a peer that asks for more and more of them without reading ends up here. One of 12 bytes costs 300 while it waits. */
const MOST_QUEUED_BYTES = 1024 * 1024;

export interface WireEvents {
  data(streamId: number, bytes: Buffer): void;
  frame(type: number, streamId: number, payload: Buffer): void;
  /** There is room again. */
  drained(): void;
  /** Anything at all was read. */
  heard(): void;
  /** The byte stream has ended, cleanly or not; or what came is against the rules (`protocol.violation`). Once. */
  over(error: Error | undefined): void;
}

interface DataFrame {
  readonly streamId: number;
  readonly header: Buffer;
  length: number;
}

export class Wire {
  readonly #socket: Duplex;
  readonly #events: WireEvents;
  readonly #reader: FrameReader;
  #corked = false;
  /** Nothing that comes is reported any more. */
  #deaf = false;
  /** Nothing is sent any more. */
  #mute = false;
  #waitedFor = false;
  /** The data frame that was written last in this turn: what follows for the same stream joins it. */
  #last: DataFrame | undefined;

  constructor(socket: Duplex, events: WireEvents) {
    this.#socket = socket;
    this.#events = events;
    this.#reader = new FrameReader(events);
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('drain', () => this.#drained());
    socket.on('error', (error) => this.#end(error));
    socket.on('end', () => this.#end(undefined));
    socket.on('close', () => this.#end(undefined));
  }

  get congested(): boolean {
    return this.#socket.writableLength >= ENOUGH_QUEUED_BYTES;
  }

  /** See `FrameReader`. */
  get unfinished(): number | undefined {
    return this.#reader.unfinished;
  }

  data(streamId: number, bytes: Uint8Array): void {
    if (this.#mute) return;
    for (let at = 0; at < bytes.length; ) {
      const frame = this.#frameOf(streamId);
      const piece = bytes.subarray(at, at + FULL_DATA_BYTES - frame.length);
      at += piece.length;
      frame.length += piece.length;
      writeLength(frame.header, frame.length);
      this.#socket.write(piece);
      if (frame.length === FULL_DATA_BYTES) this.#flush();
    }
  }

  send(frame: Buffer): void {
    if (this.#mute) return;
    this.#cork();
    this.#last = undefined;
    this.#socket.write(frame);
    if (this.#socket.writableLength > MOST_QUEUED_BYTES) this.#end(new TunnelError('link.lost', 'the peer does not read'));
  }

  /** For what the peer waits for: this turn of the loop may be a long one. */
  sendNow(frame: Buffer): void {
    this.send(frame);
    if (!this.#mute) this.#flush();
  }

  /** `drained` follows once nothing is queued: more than the system takes at once was. */
  tellWhenDrained(): void {
    this.#waitedFor = true;
  }

  /** Nothing is heard or sent any more; resolves when what was sent before has left this process, or cannot. */
  finish(): Promise<void> {
    this.#stop();
    this.#socket.on('error', () => {}).resume();
    return new Promise((resolve) => {
      this.#socket.once('close', resolve);
      if (this.#socket.destroyed) resolve();
      else this.#socket.end(resolve);
    });
  }

  destroy(): void {
    this.#stop();
    this.#socket.on('error', () => {}).destroy();
  }

  #stop(): void {
    this.#deaf = true;
    this.#mute = true;
  }

  #frameOf(streamId: number): DataFrame {
    this.#cork();
    if (this.#last?.streamId === streamId) return this.#last;
    this.#last = { streamId, header: header(FRAME.data, streamId, 0), length: 0 };
    this.#socket.write(this.#last.header);
    return this.#last;
  }

  /** What one turn of the event loop has to say goes out as one piece, after all that can be read was read: fewer records, fewer system calls. */
  #cork(): void {
    if (this.#corked) return;
    this.#corked = true;
    this.#socket.cork();
    setImmediate(this.#uncork);
  }

  readonly #uncork = (): void => {
    this.#corked = false;
    this.#last = undefined;
    this.#socket.uncork();
  };

  /** A full frame does not wait for the end of the turn: the next process may begin with it. */
  #flush(): void {
    this.#last = undefined;
    this.#socket.uncork();
    this.#socket.cork();
  }

  #drained(): void {
    if (!this.#waitedFor || this.#deaf) return;
    this.#waitedFor = false;
    this.#events.drained();
  }

  #read(chunk: Buffer): void {
    if (this.#deaf) return;
    this.#events.heard();
    try {
      this.#reader.feed(chunk);
    } catch (error) {
      if (this.#deaf) return;
      this.#deaf = true; // but not mute: the peer is told
      this.#events.over(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #end(error: Error | undefined): void {
    if (this.#deaf) return;
    this.#stop();
    this.#events.over(error);
  }
}
