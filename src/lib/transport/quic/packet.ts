// What can be read of a QUIC packet without keys (RFC 8999, RFC 9000 17.2), for the endpoint: ours, so that no datagram of a stranger reaches native code.
/** Ours. No longer, because the engine (quiche 0.18) has 128 bytes for all that a server announces, and two of its ids are in it. */
export const CONNECTION_ID_BYTES = 12;
/** Anybody's (RFC 9000 17.2). */
export const LONGEST_ID_BYTES = 20;
export const SMALLEST_INITIAL_BYTES = 1200;
export const LARGEST_PACKET_BYTES = 16_383; // the engine's own ceiling
export const QUIC_V1 = 1;

const LONG_HEADER = 0x80;
const FIXED_BIT = 0x40;
const INITIAL_TYPE = 0x00;

export interface LongHeader {
  readonly form: 'long';
  readonly version: number;
  readonly initial: boolean;
  readonly destination: Uint8Array;
  readonly source: Uint8Array;
  /** Where what follows the source connection id begins. */
  readonly rest: number;
}

export interface ShortHeader {
  readonly form: 'short';
  readonly destination: Uint8Array;
}

/** Undefined for what is too short or cannot be a QUIC packet. Ids of unknown versions may have up to 255 bytes (RFC 8999 5.1). */
export function readHeader(datagram: Uint8Array): LongHeader | ShortHeader | undefined {
  const first = datagram[0];
  if (first === undefined) return undefined;
  if ((first & LONG_HEADER) === 0) {
    if (datagram.length <= CONNECTION_ID_BYTES || (first & FIXED_BIT) === 0) return undefined;
    return { form: 'short', destination: datagram.subarray(1, 1 + CONNECTION_ID_BYTES) };
  }
  if (datagram.length < 7) return undefined;
  const version = new DataView(datagram.buffer, datagram.byteOffset, 5).getUint32(1);
  const destination = lengthPrefixed(datagram, 5);
  if (!destination) return undefined;
  const source = lengthPrefixed(datagram, 6 + destination.length);
  if (!source) return undefined;
  const initial = version === QUIC_V1 && (first & (FIXED_BIT | 0x30)) === (FIXED_BIT | INITIAL_TYPE);
  return { form: 'long', version, initial, destination, source, rest: 7 + destination.length + source.length };
}

/** The token of an Initial (RFC 9000 17.2.2): empty without one, undefined where it runs past the datagram. */
export function readInitialToken(datagram: Uint8Array, header: LongHeader): Uint8Array | undefined {
  const first = datagram[header.rest];
  if (first === undefined) return undefined;
  const lengthBytes = 1 << (first >> 6);
  const start = header.rest + lengthBytes;
  if (start > datagram.length || lengthBytes > 2) return undefined; // no token of ours has 16 KiB
  const length = lengthBytes === 1 ? first & 0x3f : ((first & 0x3f) << 8) | (datagram[header.rest + 1] ?? 0);
  return start + length > datagram.length ? undefined : datagram.subarray(start, start + length);
}

/** RFC 9000 17.2.1, RFC 8999 6: the ids swapped, then the one version we speak. Shorter than any datagram of 1200 bytes or more. */
export function versionNegotiation(header: LongHeader, randomByte: number): Uint8Array {
  const { source, destination } = header;
  return Buffer.concat(
    [[LONG_HEADER | FIXED_BIT | randomByte, 0, 0, 0, 0, source.length], source, [destination.length], destination, [0, 0, 0, QUIC_V1]].map((part) =>
      Uint8Array.from(part),
    ),
  );
}

/** A map key for a connection id. */
export function idKey(id: Uint8Array): string {
  return Buffer.from(id.buffer, id.byteOffset, id.length).toString('latin1');
}

function lengthPrefixed(datagram: Uint8Array, at: number): Uint8Array | undefined {
  const length = datagram[at];
  if (length === undefined || at + 1 + length > datagram.length) return undefined;
  return datagram.subarray(at + 1, at + 1 + length);
}
