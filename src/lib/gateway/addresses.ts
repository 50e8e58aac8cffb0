// The addresses that a gateway's settings name, as people write them: where it listens, and where it is reached from outside.
import { TunnelError } from '../base/errors.ts';
import { escapeText } from '../base/escape.ts';
import type { SocketAddress } from '../base/world.ts';
import { isHostName } from '../routing/name-pattern.ts';
import { formatAddress, parseAddress } from '../routing/subnet.ts';

export const DEFAULT_LISTEN = '0.0.0.0:8443';

export function formatListen({ address, port }: SocketAddress): string {
  return `${bracketed(address)}:${port}`;
}

/** `127.0.0.1:8443`, `[::]:0`, `localhost:0`. Error `address.malformed`. */
export function parseListen(text: string, field: string): SocketAddress {
  const { host, port } = splitHostPort(text, field, 0);
  const bytes = host === 'localhost' ? Uint8Array.of(127, 0, 0, 1) : parseAddress(host);
  if (!bytes) throw malformed(field, text, `Write an address of this machine and a port: ${DEFAULT_LISTEN}, [::]:8443, 127.0.0.1:0.`);
  return { address: formatAddress(bytes), port };
}

/** https, a host, nothing after it. Canonical text without a slash at the end. Error `usage`. */
export function parsePublicUrl(text: string, field = '--public-url'): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const host = url?.hostname.replace(/^\[(.*)\]$/, '$1') ?? '';
  const plain = url?.protocol === 'https:' && url.pathname === '/' && !url.search && !url.hash && !url.username && !url.password && url.port !== '0';
  if (!url || !plain || isWildcard(host) || !(isHostName(host) || parseAddress(host))) {
    throw new TunnelError('usage', `${field} is not one that agents can dial: "${escapeText(text.slice(0, 200))}"`, {
      hint: 'Write https://gw.example:8443, a name or address that agents and operators reach.',
    });
  }
  return url.origin;
}

/** A name or an address, and a port. Canonical text. Error `address.malformed`. */
export function parsePublicUdp(text: string, field: string): string {
  const { host, port } = splitHostPort(text, field, 1);
  const bytes = parseAddress(host);
  if (isWildcard(host) || !(bytes || isHostName(host)))
    throw malformed(field, text, 'Write a name or address that agents reach and a UDP port: gw.example:8443.');
  return `${bytes ? bracketed(formatAddress(bytes)) : host}:${port}`;
}

function splitHostPort(text: string, field: string, lowestPort: number): { host: string; port: number } {
  const [, v6, name, port] = /^(?:\[([^\]]+)\]|([^:[\]]+)):(0|[1-9]\d{0,4})$/.exec(text.toLowerCase()) ?? [];
  if (port === undefined || Number(port) > 65_535 || Number(port) < lowestPort || (v6 !== undefined && !v6.includes(':')))
    throw malformed(field, text, `Write host:port or [v6]:port, as in ${DEFAULT_LISTEN}.`);
  return { host: v6 ?? name ?? '', port: Number(port) };
}

function malformed(field: string, text: string, hint: string): TunnelError {
  return new TunnelError('address.malformed', `${field} is not an address and a port: "${escapeText(text.slice(0, 80))}"`, { hint });
}

export function urlOf(at: SocketAddress): string {
  return new URL(`https://${formatListen(at)}`).origin;
}

export function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
}

export function bracketed(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}
