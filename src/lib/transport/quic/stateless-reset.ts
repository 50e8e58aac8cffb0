// Stateless resets (RFC 9000 10.3), for the listener: a gateway that restarted tells its agents so, instead of leaving them to their timeouts.
import { createHmac } from 'node:crypto';
import type { Random } from '../../base/world.ts';

const TOKEN_BYTES = 16;
const SHORTEST_BYTES = 21; // RFC 9000 10.3; our own engine overlooks those under 37, and its keep-alives allow for more (ends-stream.ts)
const LONGEST_BYTES = 64;

export interface StatelessResets {
  /** What the engine announces for a connection with this id of ours. */
  announce(id: Uint8Array): bigint;
  /** The answer to a datagram of `datagramBytes` for an id that we do not know: shorter than what came (so two peers cannot loop), undefined where that leaves too little. */
  answer(id: Uint8Array, datagramBytes: number, random: Pick<Random, 'bytes'>): Uint8Array | undefined;
}

export function statelessResets(secret: Uint8Array): StatelessResets {
  const key = createHmac('sha256', secret).update('tunnel quic stateless reset').digest();
  const tokenOf = (id: Uint8Array) => createHmac('sha256', key).update(id).digest().subarray(0, TOKEN_BYTES);
  return {
    announce: (id) => BigInt(`0x${tokenOf(id).toString('hex')}`),
    answer(id, datagramBytes, random) {
      const length = Math.min(datagramBytes - 1, LONGEST_BYTES);
      if (length < SHORTEST_BYTES) return undefined;
      const packet = Buffer.from(random.bytes(length));
      packet[0] = 0x40 | ((packet[0] ?? 0) & 0x3f);
      packet.set(tokenOf(id), length - TOKEN_BYTES);
      return packet;
    },
  };
}
