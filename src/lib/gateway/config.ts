// What a gateway listens on and is called from outside: flags over what is stored in gateway.json, for its start and for minting without it (cli.md).
import { z } from 'zod';
import { formatDuration, parseDuration } from '../base/duration.ts';
import { TunnelError } from '../base/errors.ts';
import { escapeText } from '../base/escape.ts';
import type { ResolvedAddress, SocketAddress, World } from '../base/world.ts';
import { isHostName } from '../routing/name-pattern.ts';
import { formatAddress, parseAddress } from '../routing/subnet.ts';

const DEFAULT_LISTEN = '0.0.0.0:8443';
const DAY_MS = 86_400_000;
export const DEFAULT_AGENT_CERT_MS = 90 * DAY_MS;
const DEFAULT_SERVER_CERT_MS = 365 * DAY_MS;
/** Renewed with a third left, and not more often than every ten seconds. */
const SHORTEST_CERT_MS = 30_000;
const LONGEST_CERT_MS = 3650 * DAY_MS;

/** Unknown keys survive. */
const StoredConfig = z.looseObject({
  listen: z.string(),
  public_url: z.string(),
  public_udp: z.string().nullable().default(null),
  proxy_listen: z.string().nullable().default(null),
  /** Durations; missing: the defaults. */
  agent_cert_lifetime: z.string().optional(),
  server_cert_lifetime: z.string().optional(),
  /** A duration after which every session ends; missing: none. */
  longest_session: z.string().nullish(),
});
export type StoredConfig = z.infer<typeof StoredConfig>;

export interface GatewayFlags {
  readonly listen?: string | undefined;
  readonly publicUrl?: string | undefined;
  readonly publicUdp?: string | undefined;
  readonly proxyListen?: string | undefined;
  /** Durations. */
  readonly agentCertLifetime?: string | undefined;
  readonly serverCertLifetime?: string | undefined;
}

/** What is to be listened on, before the system has chosen ports. */
export interface WantedConfig {
  readonly listen: SocketAddress;
  readonly proxyListen: SocketAddress | null;
  /** Null: made of the listening address, once its port is known. */
  readonly publicUrl: string | null;
  readonly publicUdp: string | null;
  readonly lifetimes: Lifetimes;
  /** Null: sessions last as long as they are used. */
  readonly longestSessionMs: number | null;
}

/** Of what is issued from now on, in ms. */
export interface Lifetimes {
  /** Agents that speak version 2. */
  readonly agentMs: number;
  readonly serverMs: number;
}

/** Undefined before the first start. Error `config.invalid`. */
export async function readConfig(path: string, files: World['files']): Promise<StoredConfig | undefined> {
  const content = await files.readSecret(path);
  if (content === undefined) return undefined;
  try {
    return StoredConfig.parse(JSON.parse(Buffer.from(content).toString()));
  } catch (cause) {
    throw new TunnelError('config.invalid', `${path} is not what a gateway writes`, {
      hint: 'Correct it, or remove it and start the gateway with --listen and --public-url.',
      cause,
    });
  }
}

/** Flags first, then what is stored; a port that was chosen once is used again. Errors `address.malformed`, `duration.malformed`, `usage`, `gateway.public-url`. */
export function wantedConfig(flags: GatewayFlags, stored: StoredConfig | undefined, interfaces: readonly ResolvedAddress[]): WantedConfig {
  const listen = chosenBefore(flags.listen, stored?.listen, 'listen') ?? parseListen(DEFAULT_LISTEN, 'listen');
  const proxyListen = chosenBefore(flags.proxyListen, stored?.proxy_listen, 'proxy-listen') ?? null;
  const publicUrl = flags.publicUrl === undefined ? storedUrl(stored, listen) : parsePublicUrl(flags.publicUrl);
  if (publicUrl === null && isWildcard(listen.address)) {
    const urls = interfaces.filter(({ address }) => !address.startsWith('fe80:')).map(({ address }) => `https://${bracketed(address)}:${listen.port || 8443}`);
    throw new TunnelError('gateway.public-url', `${formatListen(listen)} is no address that agents can dial: --public-url is needed at the first start`, {
      hint: `Addresses of this machine: ${urls.join(', ') || 'none but loopback'}; a DNS name is better.`,
    });
  }
  const publicUdp = flags.publicUdp === undefined ? (stored?.public_udp ?? null) : parsePublicUdp(flags.publicUdp);
  const lifetimes = {
    agentMs: parseLifetime(flags.agentCertLifetime ?? stored?.agent_cert_lifetime, 'agent-cert-lifetime') ?? DEFAULT_AGENT_CERT_MS,
    serverMs: parseLifetime(flags.serverCertLifetime ?? stored?.server_cert_lifetime, 'server-cert-lifetime') ?? DEFAULT_SERVER_CERT_MS,
  };
  const longestSessionMs = stored?.longest_session ? parseDuration(stored.longest_session, 'longest_session') : null;
  return { listen, proxyListen, publicUrl, publicUdp, lifetimes, longestSessionMs };
}

/** What to store once the ports are known. */
export function settledConfig(
  wanted: WantedConfig,
  at: { readonly tcp: SocketAddress; readonly proxy: SocketAddress | null },
  stored: StoredConfig | undefined,
): StoredConfig {
  return {
    ...stored,
    listen: formatListen(at.tcp),
    public_url: wanted.publicUrl ?? urlOf(at.tcp),
    public_udp: wanted.publicUdp,
    proxy_listen: at.proxy && formatListen(at.proxy),
    agent_cert_lifetime: formatDuration(wanted.lifetimes.agentMs),
    server_cert_lifetime: formatDuration(wanted.lifetimes.serverMs),
  };
}

/** Where agents dial QUIC: what was given, or the URL's host with the UDP port. */
export function quicEndpoint(config: Pick<StoredConfig, 'public_url' | 'public_udp' | 'listen'>): string {
  return config.public_udp ?? `${new URL(config.public_url).hostname}:${parseListen(config.listen, 'listen').port}`;
}

/** Where operators dial: `host:port` of the URL. */
export function connectEndpoint(publicUrl: string): string {
  const { hostname, port } = new URL(publicUrl);
  return `${hostname}:${port || 443}`;
}

/** The URL for plain CONNECT clients: the public name with the proxy's port. */
export function proxyUrl(publicUrl: string, proxy: SocketAddress | null): string | null {
  return proxy && `https://${new URL(publicUrl).hostname}:${proxy.port}`;
}

/** The names that the server certificate must hold: hosts of the URL and of the UDP endpoint, without brackets. */
export function serverNames({ publicUrl, publicUdp, listen }: WantedConfig): string[] {
  const hosts = [new URL(publicUrl ?? urlOf(listen)).hostname, ...(publicUdp === null ? [] : [publicUdp.slice(0, publicUdp.lastIndexOf(':'))])];
  return [...new Set(hosts.map((host) => host.replace(/^\[(.*)\]$/, '$1')))];
}

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
export function parsePublicUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const host = url?.hostname.replace(/^\[(.*)\]$/, '$1') ?? '';
  const plain = url?.protocol === 'https:' && url.pathname === '/' && !url.search && !url.hash && !url.username && !url.password && url.port !== '0';
  if (!url || !plain || isWildcard(host) || !(isHostName(host) || parseAddress(host))) {
    throw new TunnelError('usage', `--public-url is not one that agents can dial: "${escapeText(text.slice(0, 200))}"`, {
      hint: 'Write https://gw.example:8443, a name or address that agents and operators reach.',
    });
  }
  return url.origin;
}

function parsePublicUdp(text: string): string {
  const { host, port } = splitHostPort(text, 'public-udp', 1);
  const bytes = parseAddress(host);
  if (isWildcard(host) || !(bytes || isHostName(host)))
    throw malformed('public-udp', text, 'Write a name or address that agents reach and a UDP port: gw.example:8443.');
  return `${bytes ? bracketed(formatAddress(bytes)) : host}:${port}`;
}

function parseLifetime(text: string | undefined, field: string): number | undefined {
  if (text === undefined) return undefined;
  const ms = parseDuration(text, field);
  if (ms >= SHORTEST_CERT_MS && ms <= LONGEST_CERT_MS) return ms;
  throw new TunnelError('duration.malformed', `${field} is not between ${formatDuration(SHORTEST_CERT_MS)} and ${formatDuration(LONGEST_CERT_MS)}: ${text}`);
}

/** A stored URL that only repeated the old listening address does not outlive it. */
function storedUrl(stored: StoredConfig | undefined, listen: SocketAddress): string | null {
  if (!stored) return null;
  const repeated = stored.public_url === urlOf(parseListen(stored.listen, 'listen')) && stored.listen !== formatListen(listen);
  return repeated ? null : parsePublicUrl(stored.public_url);
}

function chosenBefore(flag: string | undefined, stored: string | null | undefined, field: string): SocketAddress | undefined {
  const before = stored ? parseListen(stored, field) : undefined;
  if (flag === undefined) return before;
  const wanted = parseListen(flag, field);
  return wanted.port === 0 && before?.address === wanted.address ? before : wanted;
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

function urlOf(at: SocketAddress): string {
  return new URL(`https://${formatListen(at)}`).origin;
}

function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
}

function bracketed(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}
