// Stateless Retry tokens (RFC 9000 8.1.2), for the listener: proof that a stranger receives what we send to its address, without memory of it.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { LIMITS } from '../../base/limits.ts';
import type { SocketAddress } from '../../base/world.ts';
import { LONGEST_ID_BYTES } from './packet.ts';

const TIME_BYTES = 8;
const MAC_BYTES = 32;

export interface RetryTokens {
  /** `original` is the id that the client chose, `chosen` the one that we answer with and that it must use from now on. */
  mint(from: SocketAddress, original: Uint8Array, chosen: Uint8Array, now: number): Uint8Array;
  /** The original connection id of a token that we minted for this address, port and chosen id within LIMITS.retryTokenMs; undefined for anything else. Never throws. */
  open(token: Uint8Array, from: SocketAddress, chosen: Uint8Array, now: number): Uint8Array | undefined;
}

/** `now` is wall-clock ms: a token may outlive a restart by its few seconds, a clock that jumps costs one handshake. */
export function retryTokens(secret: Uint8Array): RetryTokens {
  const key = createHmac('sha256', secret).update('tunnel quic retry').digest();
  const macOf = (body: Uint8Array, from: SocketAddress, chosen: Uint8Array) =>
    createHmac('sha256', key).update(`${from.address} ${from.port} ${chosen.length} `).update(chosen).update(body).digest();
  return {
    mint(from, original, chosen, now) {
      const body = Buffer.alloc(TIME_BYTES + original.length);
      body.writeDoubleBE(now);
      body.set(original, TIME_BYTES);
      return Buffer.concat([body, macOf(body, from, chosen)]);
    },
    open(token, from, chosen, now) {
      const idBytes = token.length - TIME_BYTES - MAC_BYTES;
      if (idBytes < 0 || idBytes > LONGEST_ID_BYTES) return undefined;
      const body = Buffer.from(token.subarray(0, TIME_BYTES + idBytes));
      if (!timingSafeEqual(token.subarray(body.length), macOf(body, from, chosen))) return undefined;
      return Math.abs(now - body.readDoubleBE()) <= LIMITS.retryTokenMs ? body.subarray(TIME_BYTES) : undefined;
    },
  };
}
