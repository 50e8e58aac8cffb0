// Which protocols a TLS client offers, read from its first bytes (RFC 8446 4.1.2, RFC 7301), for the front door. Pure; decrypts nothing, takes no memory.
const HANDSHAKE_RECORD = 22;
const CLIENT_HELLO = 1;
const ALPN_EXTENSION = 16;
const RECORD_HEADER_BYTES = 5;
const MESSAGE_HEADER_BYTES = 4;
const LEGACY_VERSION_AND_RANDOM_BYTES = 34;

export type HelloVerdict =
  /** So far it may become one. */
  | { readonly state: 'more' }
  /** Whatever follows, this is no TLS client. */
  | { readonly state: 'not-tls' }
  | { readonly state: 'complete'; readonly alpn: readonly string[] };

/** Judges what has come so far; asks for more only while the beginning is that of a ClientHello of at most `limit` bytes. Never throws. */
export function readClientHello(bytes: Uint8Array, limit: number): HelloVerdict {
  const message = joinRecords(bytes);
  if (message === undefined) return { state: 'not-tls' };
  if (message.length >= 1 && message[0] !== CLIENT_HELLO) return { state: 'not-tls' };
  if (message.length < MESSAGE_HEADER_BYTES) return { state: 'more' };
  const length = ((message[1] ?? 0) << 16) | ((message[2] ?? 0) << 8) | (message[3] ?? 0);
  if (length > limit) return { state: 'not-tls' };
  const body = message.subarray(MESSAGE_HEADER_BYTES, MESSAGE_HEADER_BYTES + length);
  if (body.length < length) return { state: 'more' };
  const alpn = alpnOf(body);
  return alpn === undefined ? { state: 'not-tls' } : { state: 'complete', alpn };
}

/** The handshake bytes inside the records; a message may lie across several. Undefined where a record header is none. */
function joinRecords(bytes: Uint8Array): Uint8Array | undefined {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    if (bytes[at] !== HANDSHAKE_RECORD || (at + 1 < bytes.length && bytes[at + 1] !== 3)) return undefined;
    if (at + RECORD_HEADER_BYTES > bytes.length) break;
    const length = ((bytes[at + 3] ?? 0) << 8) | (bytes[at + 4] ?? 0);
    if (length === 0 || length > 16_384) return undefined;
    parts.push(bytes.subarray(at + RECORD_HEADER_BYTES, at + RECORD_HEADER_BYTES + length));
    at += RECORD_HEADER_BYTES + length;
  }
  return parts.length === 1 ? parts[0] : Buffer.concat(parts);
}

/** Names in the client's order; none where the extension is absent; undefined where the message is broken. */
function alpnOf(body: Uint8Array): string[] | undefined {
  const reader = new Cursor(body);
  reader.skip(LEGACY_VERSION_AND_RANDOM_BYTES);
  reader.vector(1); // session id
  reader.vector(2); // cipher suites
  reader.vector(1); // compression methods
  if (reader.broken) return undefined;
  if (reader.atEnd) return [];
  const extensions = new Cursor(reader.vector(2));
  if (reader.broken) return undefined;
  while (!extensions.atEnd) {
    const type = extensions.uint(2);
    const content = new Cursor(extensions.vector(2));
    if (extensions.broken) return undefined;
    if (type !== ALPN_EXTENSION) continue;
    const list = new Cursor(content.vector(2));
    const names: string[] = [];
    while (!list.atEnd) {
      names.push(Buffer.from(list.vector(1)).toString('latin1'));
      if (list.broken) return undefined;
    }
    return content.broken ? undefined : names;
  }
  return [];
}

/** Reads forwards; once a length leads out of the bytes it is broken and at its end. */
class Cursor {
  readonly #bytes: Uint8Array;
  #at = 0;
  broken = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get atEnd(): boolean {
    return this.broken || this.#at === this.#bytes.length;
  }

  skip(count: number): Uint8Array {
    if (this.broken || this.#at + count > this.#bytes.length) {
      this.broken = true;
      return new Uint8Array();
    }
    const taken = this.#bytes.subarray(this.#at, this.#at + count);
    this.#at += count;
    return taken;
  }

  uint(width: 1 | 2): number {
    return this.skip(width).reduce((value, byte) => value * 256 + byte, 0);
  }

  vector(width: 1 | 2): Uint8Array {
    return this.skip(this.uint(width));
  }
}
