// The one parser of targets: what an operator writes becomes one canonical value, used for routing, policy, audit and dialling.
import { TunnelError } from '../base/errors.ts';
import { escapeText } from '../base/escape.ts';
import { isHostName } from './name-pattern.ts';
import { formatAddress, parseAddress } from './subnet.ts';

export type Host = { readonly kind: 'address'; readonly bytes: Uint8Array } | { readonly kind: 'name'; readonly name: string };

export interface Target {
  readonly host: Host;
  /** 1 to 65535. */
  readonly port: number;
}

/** In the place of a canonical target: whatever policy allows. For proxies, whose clients name their targets later. */
export const ANY_TARGET = '*';

const HINT = 'Write host:port, 192.0.2.7:22 or [2001:db8::7]:22.';

/** Refuses whatever is not plainly a name or an address with a port: no octal, hexadecimal or short addresses, zones or user names. Error `target.malformed`. */
export function parseTarget(text: string, field = 'target'): Target {
  const refuse = (why: string): never => {
    throw new TunnelError('target.malformed', `${field} ${why}: "${escapeText(text.slice(0, 80))}"`, { hint: HINT });
  };
  const [, bracketed, bare, portText] = /^(?:\[([^\]]*)\]|([^[\]]*?)):([^:]*)$/.exec(text) ?? [];
  if (portText === undefined) return refuse(text.startsWith('[') || !text.includes(':') ? 'has no port' : 'is not host:port');
  if (bare?.includes(':')) return refuse('is an IPv6 address without brackets');
  if (!/^[1-9]\d{0,4}$/.test(portText) || Number(portText) > 65535) return refuse('has no port between 1 and 65535');
  return { host: bracketed === undefined ? bareHost(bare ?? '', refuse) : bracketedHost(bracketed, refuse), port: Number(portText) };
}

function bracketedHost(text: string, refuse: (why: string) => never): Host {
  const bytes = text.includes(':') ? parseAddress(text) : undefined;
  if (bytes === undefined) return refuse('has no IPv6 address in its brackets');
  return { kind: 'address', bytes: unmapped(bytes) };
}

function bareHost(text: string, refuse: (why: string) => never): Host {
  const bytes = parseAddress(text);
  if (bytes !== undefined) return { kind: 'address', bytes };
  const name = text.toLowerCase();
  // Resolvers read 0x7f.1, 017700000001 or 127.1 as addresses: a last label of digits is never a name.
  if (!isHostName(name) || /(^|\.)(\d+|0x[0-9a-f]*)$/.test(name)) return refuse('has a host that is neither a name nor a plain address');
  return { kind: 'name', name };
}

/** `::ffff:10.0.0.1` is judged and dialled as 10.0.0.1. */
export function unmapped(bytes: Uint8Array): Uint8Array {
  const mapped = bytes.length === 16 && bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff;
  return mapped ? bytes.slice(12) : bytes;
}

/** Canonical text: lower case, RFC 5952 in brackets. */
export function formatTarget({ host, port }: Target): string {
  if (host.kind === 'name') return `${host.name}:${port}`;
  const address = formatAddress(host.bytes);
  return host.bytes.length === 16 ? `[${address}]:${port}` : `${address}:${port}`;
}
