// How large packets may be on the way to a peer, and which peer a datagram came from.
import ipaddr from 'ipaddr.js';
import type { ResolvedAddress, SocketAddress } from '../../base/world.ts';
import { LARGEST_PACKET_BYTES } from './packet.ts';

// Measured on loopback: 38 MB/s in one stream with 1350 bytes, 140 to 200 with 9000, 160 to 320 with the engine's ceiling.
// Any path that carries QUIC takes 1200 bytes; nearly all take this much, with room for a VPN's headers.
const ORDINARY_PACKET_BYTES = 1350;

/** Bytes of UDP payload: large where the packet never leaves this machine. A system that cannot send so much says EMSGSIZE, and the link goes on with small ones. */
export function packetBytesFor(remote: SocketAddress, ownAddresses: readonly ResolvedAddress[]): number {
  const address = remote.address.replace(/^::ffff:(?=\d)/i, '');
  const local = address === '::1' || address.startsWith('127.') || ownAddresses.some((own) => own.address === address);
  return local ? LARGEST_PACKET_BYTES : ORDINARY_PACKET_BYTES;
}

/** The spelling that a socket reports for an address, so that strings can be compared. */
export function canonical({ address, port }: SocketAddress): SocketAddress {
  return { address: ipaddr.isValid(address) ? ipaddr.parse(address).toString() : address, port };
}

export function isSame(one: SocketAddress, other: SocketAddress): boolean {
  return one.port === other.port && one.address === other.address;
}
