// What lies under a TLS socket, so that TLS can tell a cut from an end: its peer's FIN without close_notify becomes an error.
import { Duplex } from 'node:stream';
import type { TcpSocket } from '../base/world.ts';
import { CutShort } from './reset.ts';

const ALERT = 21;
const APPLICATION_DATA = 23;
/** An alert inside a TLS 1.3 record: two bytes, its type, the tag. Two bytes of data look the same from outside: a cut right after those is taken for an end. */
const SEALED_ALERT_BYTES = 2 + 1 + 16;
const HEADER_BYTES = 5;
const BUFFER_BYTES = 256 * 1024;

/** Hand it to TLS instead of the socket, which it owns. Costs a tenth (measured: 870 instead of 940 MB/s down, 780 instead of 1020 up). */
export class TlsWire extends Duplex {
  readonly #raw: TcpSocket;
  readonly #records = new Records();
  #written: (() => void) | undefined;

  constructor(raw: TcpSocket) {
    super({ allowHalfOpen: true, readableHighWaterMark: BUFFER_BYTES, writableHighWaterMark: BUFFER_BYTES });
    this.#raw = raw;
    raw.on('data', (chunk: Uint8Array) => {
      this.#records.see(chunk);
      if (!this.push(chunk)) raw.pause();
    });
    raw.on('end', () => {
      if (this.#records.endedByAlert) this.push(null);
      else this.destroy(new CutShort('the connection was cut: FIN without close_notify'));
    });
    raw.on('drain', () => this.#release());
    raw.on('error', (error) => this.destroy(error));
    raw.on('close', () => this.destroy());
    raw.pause();
  }

  override _read(): void {
    this.#raw.resume();
  }

  override _write(chunk: Uint8Array, _encoding: string, done: () => void): void {
    if (this.#raw.write(chunk)) done();
    else this.#written = done;
  }

  override _writev(chunks: { chunk: Uint8Array }[], done: () => void): void {
    this.#raw.cork();
    for (const { chunk } of chunks) this.#raw.write(chunk);
    this.#raw.uncork();
    if (this.#raw.writableNeedDrain) this.#written = done;
    else done();
  }

  override _final(done: () => void): void {
    this.#raw.end(done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#release();
    this.#raw.destroy();
    done(error);
  }

  #release(): void {
    const done = this.#written;
    this.#written = undefined;
    done?.();
  }
}

/** Follows record headers (RFC 8446, 5.1) through chunks of any size. */
class Records {
  #header = Buffer.alloc(HEADER_BYTES);
  #headerBytes = 0;
  #bodyLeft = 0;

  see(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#bodyLeft > 0) {
        const passed = Math.min(this.#bodyLeft, chunk.length - at);
        this.#bodyLeft -= passed;
        at += passed;
        continue;
      }
      if (this.#headerBytes === HEADER_BYTES) this.#headerBytes = 0;
      this.#header[this.#headerBytes] = chunk[at] ?? 0;
      this.#headerBytes += 1;
      at += 1;
      if (this.#headerBytes === HEADER_BYTES) this.#bodyLeft = this.#length;
    }
  }

  get endedByAlert(): boolean {
    if (this.#headerBytes < HEADER_BYTES || this.#bodyLeft > 0) return false;
    const type = this.#header[0];
    return type === ALERT || (type === APPLICATION_DATA && this.#length === SEALED_ALERT_BYTES);
  }

  get #length(): number {
    return this.#header.readUInt16BE(3);
  }
}
