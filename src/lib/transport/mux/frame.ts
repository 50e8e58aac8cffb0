// The frames that carry streams over one reliable byte stream: eight bytes of header, then a bounded payload (docs/protocol.md, 11). Pure.
import { TunnelError } from '../../base/errors.ts';

/** A type that is not in this list is skipped by its length, so that a later version may add some. */
export const FRAME = { settings: 0, data: 1, end: 2, reset: 3, window: 4, ping: 5, pong: 6, close: 7 } as const;

export const HEADER_BYTES = 8;
/** Of one data frame. Small enough that an interactive stream waits behind few of them. */
export const LARGEST_DATA_BYTES = 64 * 1024;
/** What we put into one: with its header it fills four TLS records (RFC 8446, 5.1). A byte more would be a record, an event and a write of its own at every hop. */
export const FULL_DATA_BYTES = LARGEST_DATA_BYTES - HEADER_BYTES;
/** Of every other frame; a reason is the longest thing that they say. */
const LARGEST_OTHER_BYTES = 1024;
const LONGEST_REASON_BYTES = LARGEST_OTHER_BYTES - 4;
/** Of what a stream may still carry, however it was granted. */
export const LARGEST_WINDOW_BYTES = 2 ** 31 - 1;
/** Ids are four bytes, and never used twice. */
export const LAST_STREAM_ID = 2 ** 32 - 1;

interface Shape {
  /** Whether it is about one stream; the others are about the connection, and say 0 where the stream would stand. */
  readonly ofStream: boolean;
  readonly least: number;
  readonly most: number;
}

const SHAPES: ReadonlyMap<number, Shape> = new Map<number, Shape>([
  [FRAME.settings, { ofStream: false, least: 10, most: LARGEST_OTHER_BYTES }],
  [FRAME.data, { ofStream: true, least: 1, most: LARGEST_DATA_BYTES }],
  [FRAME.end, { ofStream: true, least: 0, most: 0 }],
  [FRAME.reset, { ofStream: true, least: 4, most: 4 }],
  [FRAME.window, { ofStream: true, least: 4, most: 4 }],
  [FRAME.ping, { ofStream: false, least: 0, most: 0 }],
  [FRAME.pong, { ofStream: false, least: 0, most: 0 }],
  [FRAME.close, { ofStream: false, least: 4, most: LARGEST_OTHER_BYTES }],
]);

export interface Settings {
  readonly version: number;
  /** Bytes that a new stream may carry towards the sender of these settings before it grants more. */
  readonly window: number;
  /** Streams that the other side may have open. */
  readonly streams: number;
}

export interface FrameHandlers {
  /** A piece of a data frame's payload; a view of what was fed. */
  data(streamId: number, bytes: Buffer): void;
  /** Any other frame, complete. */
  frame(type: number, streamId: number, payload: Buffer): void;
}

/** Cuts a byte stream into frames without copying data. `feed` throws `protocol.violation` for a header that no frame may have, before anything after it is kept. */
export class FrameReader {
  readonly #handlers: FrameHandlers;
  readonly #header = Buffer.alloc(HEADER_BYTES);
  #headerBytes = 0;
  #type = 0;
  #streamId = 0;
  #left = 0;
  #payload: Buffer[] = [];
  #frames = 0;

  constructor(handlers: FrameHandlers) {
    this.#handlers = handlers;
  }

  /** The number of the frame that has begun and is not complete; none while the rest of a data frame is awaited, which is used as it comes. */
  get unfinished(): number | undefined {
    if (this.#headerBytes === 0) return undefined;
    return this.#headerBytes === HEADER_BYTES && this.#type === FRAME.data ? undefined : this.#frames;
  }

  feed(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length || (this.#headerBytes === HEADER_BYTES && this.#left === 0)) {
      if (this.#headerBytes < HEADER_BYTES) {
        at = this.#takeHeader(chunk, at);
        continue;
      }
      const end = Math.min(chunk.length, at + this.#left);
      const piece = chunk.subarray(at, end);
      this.#left -= end - at;
      at = end;
      if (this.#left === 0) {
        this.#headerBytes = 0;
        this.#frames += 1;
      }
      if (this.#type === FRAME.data) this.#handlers.data(this.#streamId, piece);
      else this.#takeOther(piece);
    }
  }

  #takeHeader(chunk: Buffer, at: number): number {
    const end = Math.min(chunk.length, at + HEADER_BYTES - this.#headerBytes);
    chunk.copy(this.#header, this.#headerBytes, at, end);
    this.#headerBytes += end - at;
    if (this.#headerBytes < HEADER_BYTES) return end;
    this.#streamId = this.#header.readUInt32BE(0);
    this.#type = this.#header.readUInt8(4);
    this.#left = this.#header.readUIntBE(5, 3);
    judgeHeader(this.#type, this.#streamId, this.#left);
    return end;
  }

  #takeOther(piece: Buffer): void {
    this.#payload.push(piece);
    if (this.#left > 0) return;
    const payload = this.#payload.length === 1 ? piece : Buffer.concat(this.#payload);
    this.#payload = [];
    this.#handlers.frame(this.#type, this.#streamId, payload);
  }
}

function judgeHeader(type: number, streamId: number, length: number): void {
  const { ofStream, least, most } = SHAPES.get(type) ?? { ofStream: undefined, least: 0, most: LARGEST_OTHER_BYTES };
  if (length < least || length > most) throw violation(`a frame of type ${type} with ${length} bytes, ${least} to ${most} are allowed`);
  if (ofStream !== undefined && ofStream !== streamId > 0) throw violation(`a frame of type ${type} for stream ${streamId}`);
}

/** How a peer's fault is told, to it and here. */
export function violation(what: string): TunnelError {
  return new TunnelError('protocol.violation', `against the rules of the connection: ${what}`);
}

export function header(type: number, streamId: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(HEADER_BYTES);
  writeHeader(bytes, type, streamId, length);
  return bytes;
}

/** For a header that has not left yet. */
export function writeLength(frame: Buffer, length: number): void {
  frame.writeUIntBE(length, 5, 3);
}

export function endFrame(streamId: number): Buffer {
  return header(FRAME.end, streamId, 0);
}

export function resetFrame(streamId: number, code: number): Buffer {
  return numberFrame(FRAME.reset, streamId, code);
}

export function windowFrame(streamId: number, bytes: number): Buffer {
  return numberFrame(FRAME.window, streamId, bytes);
}

/** Payload of `reset` and `window`, as the reader lets it through. */
export function readNumber(payload: Buffer): number {
  return payload.readUInt32BE(0);
}

export function settingsFrame({ version, window, streams }: Settings): Buffer {
  const frame = framed(FRAME.settings, 0, 10);
  frame.writeUInt16BE(version, HEADER_BYTES);
  frame.writeUInt32BE(window, HEADER_BYTES + 2);
  frame.writeUInt32BE(streams, HEADER_BYTES + 6);
  return frame;
}

/** As the reader lets it through; what follows the fields that we know is a later version's. Error `protocol.violation`. */
export function readSettings(payload: Buffer): Settings {
  const settings = { version: payload.readUInt16BE(0), window: payload.readUInt32BE(2), streams: payload.readUInt32BE(6) };
  if (settings.version === 0) throw violation('settings of version 0');
  if (settings.window > LARGEST_WINDOW_BYTES) throw violation(`a window of ${settings.window} bytes`);
  return settings;
}

/** Of a reason that is too long, whole characters as far as there is room. */
export function closeFrame(code: number, reason: string): Buffer {
  const text = new Uint8Array(LONGEST_REASON_BYTES);
  const { written } = new TextEncoder().encodeInto(reason, text);
  const frame = framed(FRAME.close, 0, 4 + written);
  frame.writeUInt32BE(code, HEADER_BYTES);
  frame.set(text.subarray(0, written), HEADER_BYTES + 4);
  return frame;
}

/** As the reader lets it through; bytes that are no UTF-8 become U+FFFD. */
export function readClose(payload: Buffer): { code: number; reason: string } {
  return { code: payload.readUInt32BE(0), reason: payload.toString('utf8', 4) };
}

export function pingFrame(type: typeof FRAME.ping | typeof FRAME.pong): Buffer {
  return header(type, 0, 0);
}

function numberFrame(type: number, streamId: number, value: number): Buffer {
  const frame = framed(type, streamId, 4);
  frame.writeUInt32BE(value, HEADER_BYTES);
  return frame;
}

function framed(type: number, streamId: number, length: number): Buffer {
  const frame = Buffer.allocUnsafe(HEADER_BYTES + length);
  writeHeader(frame, type, streamId, length);
  return frame;
}

function writeHeader(into: Buffer, type: number, streamId: number, length: number): void {
  into.writeUInt32BE(streamId, 0);
  into.writeUInt8(type, 4);
  writeLength(into, length);
}
