// What a stream brought before its reader asked for it: costs what its bytes are, however small the pieces in which a peer sends them.

/** Smaller pieces are joined: each would cost a hundred bytes and more of its own. */
const PIECE_BYTES = 4 * 1024;

export class Backlog {
  readonly #pieces: Buffer[] = [];
  /** The last piece, where it is one of joined ones that has room left. */
  #open: { readonly room: Buffer; used: number } | undefined;
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  add(bytes: Buffer): void {
    this.#bytes += bytes.length;
    const isFirst = this.#pieces.length === 0 && this.#open === undefined; // and mostly the only one
    if (isFirst || bytes.length >= PIECE_BYTES) {
      this.#seal();
      this.#pieces.push(ownMemory(bytes));
      return;
    }
    if (this.#open === undefined || this.#open.used + bytes.length > PIECE_BYTES) {
      this.#seal();
      this.#open = { room: Buffer.allocUnsafeSlow(PIECE_BYTES), used: 0 };
    }
    this.#open.used += bytes.copy(this.#open.room, this.#open.used);
  }

  /** The oldest piece; undefined when nothing is left. */
  take(): Buffer | undefined {
    if (this.#pieces.length === 0) this.#seal();
    const piece = this.#pieces.shift();
    this.#bytes -= piece?.length ?? 0;
    return piece;
  }

  #seal(): void {
    if (this.#open !== undefined) this.#pieces.push(this.#open.room.subarray(0, this.#open.used));
    this.#open = undefined;
  }
}

/** A view keeps all that was read with it; where that is much, and mostly something else, a copy is cheaper. Never one in Node's pool, which is large itself. */
export function ownMemory(bytes: Buffer): Buffer {
  const { byteLength } = bytes.buffer;
  if (byteLength <= PIECE_BYTES || bytes.length >= byteLength / 2) return bytes;
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(copy);
  return copy;
}
