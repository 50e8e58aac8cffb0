// Is the way open for UDP to a QUIC server? A packet of a version that nobody speaks is answered by Version Negotiation (RFC 9000 6.1), and makes no connection.
import type { SocketAddress, World } from '../../base/world.ts';
import { readHeader, SMALLEST_INITIAL_BYTES } from './packet.ts';

/** Reserved to provoke this very answer (RFC 9000 15). */
const RESERVED_VERSION = 0x1a2a3a4a;
const ID_BYTES = 8;
/** A lost packet or two are no blocked path. */
const SEND_AT_MS = [0, 300, 900] as const;

/** 1200 bytes; `ids` are both connection ids, 16 bytes. */
export function probePacket(ids: Uint8Array): Uint8Array {
  const packet = Buffer.alloc(SMALLEST_INITIAL_BYTES);
  packet[0] = 0xc0;
  packet.writeUInt32BE(RESERVED_VERSION, 1);
  packet[5] = ID_BYTES;
  packet.set(ids.subarray(0, ID_BYTES), 6);
  packet[6 + ID_BYTES] = ID_BYTES;
  packet.set(ids.subarray(ID_BYTES, 2 * ID_BYTES), 7 + ID_BYTES);
  return packet;
}

/** Is it Version Negotiation for that very packet? The ids come back swapped. */
export function answersProbe(datagram: Uint8Array, ids: Uint8Array): boolean {
  const header = readHeader(datagram);
  if (header?.form !== 'long' || header.version !== 0) return false;
  return Buffer.concat([header.source, header.destination]).equals(ids);
}

/** The round trip in ms, or undefined where nothing came within `waitMs`. Errors as `bindUdp`; an abort rejects with the signal's reason. */
export async function probeQuic(to: SocketAddress, waitMs: number, { net, clock, random }: World, signal: AbortSignal): Promise<number | undefined> {
  const ids = random.bytes(2 * ID_BYTES);
  const packet = probePacket(ids);
  const over = new AbortController();
  const stop = () => over.abort();
  signal.addEventListener('abort', stop, { once: true });
  const began = clock.monotonic();
  let answeredAt: number | undefined;
  await using socket = await net.bindUdp({ address: to.address.includes(':') ? '::' : '0.0.0.0', port: 0 }, (datagram) => {
    if (!answersProbe(datagram, ids)) return;
    answeredAt ??= clock.monotonic();
    stop();
  });
  for (const [index, at] of SEND_AT_MS.entries()) {
    if (over.signal.aborted) break;
    socket.send(packet, to, () => {}); // an error is an answer that does not come
    await clock.sleep((SEND_AT_MS[index + 1] ?? waitMs) - at, over.signal);
  }
  signal.removeEventListener('abort', stop);
  signal.throwIfAborted();
  return answeredAt === undefined ? undefined : answeredAt - began;
}
