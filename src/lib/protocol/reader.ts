// Takes typed values out of received bytes, for every decoder: never reads past the end, never allocates by an unchecked count.
import { TunnelError } from '../base/errors.ts';

// Throws on bad UTF-8; keeps a leading U+FEFF, which is text like any other.
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Big-endian. Every method names the field it reads; whatever does not fit is `protocol.violation` with that name. */
export class Reader {
  readonly name: string;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array, name: string) {
    this.name = name;
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get remaining(): number {
    return this.#bytes.length - this.#at;
  }

  u8(field: string): number {
    return this.#view.getUint8(this.#advance(1, field));
  }

  u16(field: string): number {
    return this.#view.getUint16(this.#advance(2, field));
  }

  u32(field: string): number {
    return this.#view.getUint32(this.#advance(4, field));
  }

  u64(field: string): bigint {
    return this.#view.getBigUint64(this.#advance(8, field));
  }

  /** A view of the next `length` bytes, not a copy. */
  bytes(length: number, field: string): Uint8Array {
    const start = this.#advance(length, field);
    return this.#bytes.subarray(start, start + length);
  }

  /** UTF-8 of `length` bytes. */
  text(length: number, field: string): string {
    const bytes = this.bytes(length, field);
    try {
      return UTF8.decode(bytes);
    } catch {
      return this.fail(field, 'is not UTF-8');
    }
  }

  /** u32 length, then UTF-8. */
  string(field: string): string {
    return this.text(this.u32(field), field);
  }

  /** The next `length` bytes as a reader of their own, named for the field. */
  within(length: number, field: string): Reader {
    return new Reader(this.bytes(length, field), this.#path(field));
  }

  /** Nothing may be left. */
  end(): void {
    if (this.remaining > 0) throw new TunnelError('protocol.violation', `${this.name}: ${this.remaining} trailing bytes`);
  }

  fail(field: string, why: string): never {
    throw new TunnelError('protocol.violation', `${this.#path(field)} ${why}`);
  }

  #advance(length: number, field: string): number {
    if (length > this.remaining) this.fail(field, `is truncated: ${this.remaining} of ${length} bytes`);
    const start = this.#at;
    this.#at += length;
    return start;
  }

  #path(field: string): string {
    return field === '' ? this.name : `${this.name}.${field}`;
  }
}
