// Subnets of both families as values: parsed once, canonical, compared by bits.
import ipaddr from 'ipaddr.js';
import { TunnelError } from '../base/errors.ts';
import { escapeText } from '../base/escape.ts';

export interface Subnet {
  readonly family: 4 | 6;
  /** 4 or 16 bytes, host bits zero. */
  readonly base: Uint8Array;
  readonly prefix: number;
}

const IPV4 = /^(0|[1-9]\d{0,2})(\.(0|[1-9]\d{0,2})){3}$/;

/** Bytes of a plainly written address: dotted decimal of four parts or RFC 4291 text, no zone. Undefined for anything else. */
export function parseAddress(text: string): Uint8Array | undefined {
  if (IPV4.test(text) && ipaddr.IPv4.isValid(text)) return Uint8Array.from(ipaddr.IPv4.parse(text).toByteArray());
  if (text.includes(':') && !text.includes('%') && ipaddr.IPv6.isValid(text)) return Uint8Array.from(ipaddr.IPv6.parse(text).toByteArray());
  return undefined;
}

/** RFC 5952 text for 16 bytes, dotted decimal for 4. */
export function formatAddress(bytes: Uint8Array): string {
  const address = ipaddr.fromByteArray([...bytes]);
  return address.kind() === 'ipv6' ? (address as ipaddr.IPv6).toRFC5952String() : address.toString();
}

/** CIDR, or a bare address as one of full length. Host bits are refused, not masked. Error `route.malformed`. */
export function parseSubnet(text: string, field = 'route'): Subnet {
  const [addressText = '', prefixText, ...rest] = text.split('/');
  const address = parseAddress(addressText);
  const full = address === undefined ? 0 : address.length * 8;
  const prefix = prefixText === undefined ? full : /^(0|[1-9]\d{0,2})$/.test(prefixText) ? Number(prefixText) : Number.NaN;
  if (address === undefined || rest.length > 0 || !(prefix <= full)) {
    throw new TunnelError('route.malformed', `${field} is not a subnet: "${escapeText(text.slice(0, 80))}"`, { hint: 'Write it as 10.0.0.0/24 or fd00::/64.' });
  }
  const subnet = makeSubnet(address, prefix);
  if (!equalBytes(subnet.base, address)) {
    throw new TunnelError('route.malformed', `${field} has bits set below its prefix: "${escapeText(text)}"`, {
      hint: `Did you mean ${formatSubnet(subnet)}?`,
    });
  }
  return subnet;
}

/** Masks the host bits (the reference sends them set). `prefix` must fit the length. */
export function makeSubnet(address: Uint8Array, prefix: number): Subnet {
  const base = new Uint8Array(address);
  for (let index = prefix >> 3; index < base.length; index++) base[index] = (base[index] ?? 0) & maskByte(prefix, index);
  return { family: address.length === 4 ? 4 : 6, base, prefix };
}

export function formatSubnet({ base, prefix }: Subnet): string {
  return `${formatAddress(base)}/${prefix}`;
}

export function contains(subnet: Subnet, address: Uint8Array): boolean {
  const { base, prefix } = subnet;
  if (base.length !== address.length) return false;
  const whole = prefix >> 3;
  for (let index = 0; index < whole; index++) if (base[index] !== address[index]) return false;
  return (prefix & 7) === 0 || ((address[whole] ?? 0) & maskByte(prefix, whole)) === base[whole];
}

/** Every address of `inner` is in `outer`. */
export function covers(outer: Subnet, inner: Subnet): boolean {
  return inner.prefix >= outer.prefix && contains(outer, inner.base);
}

function maskByte(prefix: number, index: number): number {
  const bits = Math.min(8, Math.max(0, prefix - index * 8));
  return (0xff << (8 - bits)) & 0xff;
}

function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
