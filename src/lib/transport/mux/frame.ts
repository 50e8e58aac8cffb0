// The frames that carry streams over one reliable byte stream: eight bytes of header, then a bounded payload (docs/protocol.md, 11). Pure.
import { TunnelError } from '../../base/errors.ts';

/** A type that is not in this list is skipped by its length, so that a later version may add some. */
export const FRAME = { settings: 0, data: 1, end: 2, reset: 3, window: 4, ping: 5, pong: 6, close: 7 } as const;

export const HEADER_BYTES = 8;
/** Of one data frame. Small enough that an interactive stream waits behind few of them. */
export const LARGEST_DATA_BYTES = 64 * 1024;
/** Of every other frame; a reason is the longest thing that they say. */
const LARGEST_OTHER_BYTES = 1024;
export const LONGEST_REASON_BYTES = LARGEST_OTHER_BYTES - 4;

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

/** Cuts a byte stream into frames without copying data. `feed` throws `protocol.violation` for a length above its limit, before anything of it is kept. */
export class FrameReader {
  readonly #handlers: FrameHandlers;
  readonly #header = Buffer.alloc(HEADER_BYTES);
  #headerBytes = 0;
  #type = 0;
  #streamId = 0;
  #left = 0;
  #payload: Buffer[] = [];

  constructor(handlers: FrameHandlers) {
    this.#handlers = handlers;
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
      if (this.#left === 0) this.#headerBytes = 0;
      if (this.#type === FRAME.data) {
        if (piece.length > 0) this.#handlers.data(this.#streamId, piece);
      } else this.#takeOther(piece);
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
    const limit = this.#type === FRAME.data ? LARGEST_DATA_BYTES : LARGEST_OTHER_BYTES;
    if (this.#left > limit) throw new TunnelError('protocol.violation', `a frame of ${this.#left} bytes, at most ${limit} are allowed`);
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

/** Payload of `reset` and `window`. Error `protocol.violation`. */
export function readNumber(payload: Buffer): number {
  if (payload.length !== 4) throw new TunnelError('protocol.violation', `a number of ${payload.length} bytes`);
  return payload.readUInt32BE(0);
}

export function settingsFrame({ version, window, streams }: Settings): Buffer {
  const frame = framed(FRAME.settings, 0, 10);
  frame.writeUInt16BE(version, HEADER_BYTES);
  frame.writeUInt32BE(window, HEADER_BYTES + 2);
  frame.writeUInt32BE(streams, HEADER_BYTES + 6);
  return frame;
}

/** What follows the fields that we know is a later version's. Error `protocol.violation`. */
export function readSettings(payload: Buffer): Settings {
  if (payload.length < 10) throw new TunnelError('protocol.violation', `settings of ${payload.length} bytes`);
  return { version: payload.readUInt16BE(0), window: payload.readUInt32BE(2), streams: payload.readUInt32BE(6) };
}

export function closeFrame(code: number, reason: string): Buffer {
  const text = Buffer.from(reason).subarray(0, LONGEST_REASON_BYTES);
  const frame = framed(FRAME.close, 0, 4 + text.length);
  frame.writeUInt32BE(code, HEADER_BYTES);
  text.copy(frame, HEADER_BYTES + 4);
  return frame;
}

/** Error `protocol.violation`. */
export function readClose(payload: Buffer): { code: number; reason: string } {
  if (payload.length < 4) throw new TunnelError('protocol.violation', `a close of ${payload.length} bytes`);
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
