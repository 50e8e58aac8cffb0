// Puts typed values into bytes, for every encoder: a value that its field cannot hold is an error that names the field, never a wrapped number.
import { TunnelError } from '../base/errors.ts';

const FIRST_BYTES = 256;

/** Big-endian. Errors are `protocol.violation`: what we cannot say, we must not send. */
export class Writer {
  readonly name: string;
  #bytes = new Uint8Array(FIRST_BYTES);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  constructor(name: string) {
    this.name = name;
  }

  u8(value: number, field: string): void {
    const at = this.#integer(value, 1, field);
    this.#view.setUint8(at, value);
  }

  u16(value: number, field: string): void {
    const at = this.#integer(value, 2, field);
    this.#view.setUint16(at, value);
  }

  u32(value: number, field: string): void {
    const at = this.#integer(value, 4, field);
    this.#view.setUint32(at, value);
  }

  u64(value: bigint, field: string): void {
    if (value < 0n || value > 0xffff_ffff_ffff_ffffn) this.fail(field, `does not fit in 8 bytes: ${value}`);
    const at = this.#grow(8);
    this.#view.setBigUint64(at, value);
  }

  bytes(value: Uint8Array): void {
    const at = this.#grow(value.length);
    this.#bytes.set(value, at);
  }

  /** UTF-8 without a length. */
  text(value: string, field: string): void {
    if (!value.isWellFormed()) this.fail(field, 'has half a surrogate pair');
    this.bytes(Buffer.from(value, 'utf8'));
  }

  /** u32 length, then UTF-8. */
  string(value: string, field: string): void {
    this.u32(Buffer.byteLength(value, 'utf8'), field);
    this.text(value, field);
  }

  /** u32 length, then whatever `write` puts. */
  prefixed(write: () => void): void {
    const at = this.#grow(4);
    write();
    this.#view.setUint32(at, this.#length - at - 4);
  }

  /** The bytes so far; a view, valid until the next write. */
  done(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  fail(field: string, why: string): never {
    throw new TunnelError('protocol.violation', `${this.name}.${field} ${why}`);
  }

  #integer(value: number, size: number, field: string): number {
    if (!Number.isInteger(value) || value < 0 || value >= 2 ** (size * 8)) this.fail(field, `does not fit in ${size} bytes: ${value}`);
    return this.#grow(size);
  }

  /** Makes room and says where it begins. Replaces #bytes and #view: look at them only afterwards. */
  #grow(size: number): number {
    const start = this.#length;
    this.#length += size;
    if (this.#length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(this.#length, this.#bytes.length * 2));
      larger.set(this.#bytes);
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    return start;
  }
}
