// Cuts a byte stream into frames (u32 length, payload), for control streams and channel handshakes; a length above the limit is refused before any payload is kept.
import { TunnelError } from '../base/errors.ts';

const HEADER_BYTES = 4;
const FIRST_BYTES = 1024;

/** One frame. Error `protocol.violation` when the payload is above the limit that the receiver will hold us to. */
export function encodeFrame(payload: Uint8Array, maxBytes: number): Uint8Array {
  if (payload.length > maxBytes) throw tooLong(payload.length, maxBytes);
  const frame = Buffer.allocUnsafe(HEADER_BYTES + payload.length);
  frame.writeUInt32BE(payload.length);
  frame.set(payload, HEADER_BYTES);
  return frame;
}

/** Collects one frame after another. Keeps at most twice the bytes that arrived, whatever a length promises. */
export class FrameDecoder {
  readonly #maxBytes: number;
  readonly #header = new Uint8Array(HEADER_BYTES);
  #headerBytes = 0;
  #payload = new Uint8Array(0);
  #payloadBytes = 0;
  #expected = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Some but not all bytes of a frame are here. */
  get partial(): boolean {
    return this.#headerBytes > 0;
  }

  /** Takes bytes of `chunk` up to the end of the current frame, at most; what follows belongs to the next call or to someone else. Error `protocol.violation`. */
  take(chunk: Uint8Array): { readonly taken: number; readonly payload: Uint8Array | undefined } {
    const header = chunk.subarray(0, HEADER_BYTES - this.#headerBytes);
    this.#header.set(header, this.#headerBytes);
    this.#headerBytes += header.length;
    if (this.#headerBytes < HEADER_BYTES) return { taken: header.length, payload: undefined };
    if (header.length > 0) this.#begin();
    const body = chunk.subarray(header.length, header.length + this.#expected - this.#payloadBytes);
    this.#keep(body);
    const taken = header.length + body.length;
    if (this.#payloadBytes < this.#expected) return { taken, payload: undefined };
    const payload = this.#payload.subarray(0, this.#expected);
    this.#headerBytes = 0;
    this.#payload = new Uint8Array(0);
    return { taken, payload };
  }

  #begin(): void {
    this.#expected = new DataView(this.#header.buffer).getUint32(0);
    this.#payloadBytes = 0;
    if (this.#expected > this.#maxBytes) throw tooLong(this.#expected, this.#maxBytes);
  }

  #keep(body: Uint8Array): void {
    const needed = this.#payloadBytes + body.length;
    if (needed > this.#payload.length) {
      const larger = new Uint8Array(Math.min(this.#expected, Math.max(needed, this.#payload.length * 2, FIRST_BYTES)));
      larger.set(this.#payload.subarray(0, this.#payloadBytes));
      this.#payload = larger;
    }
    this.#payload.set(body, this.#payloadBytes);
    this.#payloadBytes = needed;
  }
}

function tooLong(length: number, maxBytes: number): TunnelError {
  return new TunnelError('protocol.violation', `frame: ${length} bytes, the limit is ${maxBytes}`);
}
