// What a gateway listens on and is called from outside: flags over what is stored in gateway.json, for its start and for minting without it (cli.md).
import { formatDuration } from '../base/duration.ts';
import { TunnelError } from '../base/errors.ts';
import { type Given, givenFlags, type SettingValue } from '../base/settings.ts';
import type { ResolvedAddress, SocketAddress } from '../base/world.ts';
import { type DirectNetwork, parseDirect } from '../policy/direct.ts';
import { parseSessionLength } from '../policy/session-length.ts';
import { formatTargetScope } from '../policy/target-scope.ts';
import type { LogLevel } from '../system/log.ts';
import { bracketed, DEFAULT_LISTEN, formatListen, isWildcard, parseListen, parsePublicUdp, parsePublicUrl, urlOf } from './addresses.ts';
import { parseLifetime, type StoredConfig } from './config-file.ts';

const DAY_MS = 86_400_000;
export const DEFAULT_AGENT_CERT_MS = 90 * DAY_MS;
const DEFAULT_SERVER_CERT_MS = 365 * DAY_MS;

/** Of each setting in gateway.json. */
export const GATEWAY_DEFAULTS = {
  listen: DEFAULT_LISTEN,
  public_url: null,
  public_udp: null,
  proxy_listen: null,
  agent_cert_lifetime: formatDuration(DEFAULT_AGENT_CERT_MS),
  server_cert_lifetime: formatDuration(DEFAULT_SERVER_CERT_MS),
  longest_session: null,
  direct: [],
  log_level: 'info',
} as const satisfies Record<keyof typeof StoredConfig.shape, SettingValue>;

export interface GatewayFlags {
  readonly listen?: string | undefined;
  readonly publicUrl?: string | undefined;
  readonly publicUdp?: string | undefined;
  readonly proxyListen?: string | undefined;
  /** Durations. */
  readonly agentCertLifetime?: string | undefined;
  readonly serverCertLifetime?: string | undefined;
  /** Networks with ports. */
  readonly direct?: readonly string[] | undefined;
  readonly logLevel?: LogLevel | undefined;
}

const SETTING_OF = {
  listen: 'listen',
  publicUrl: 'public_url',
  publicUdp: 'public_udp',
  proxyListen: 'proxy_listen',
  agentCertLifetime: 'agent_cert_lifetime',
  serverCertLifetime: 'server_cert_lifetime',
  direct: 'direct',
  logLevel: 'log_level',
} as const satisfies Record<keyof GatewayFlags, keyof typeof GATEWAY_DEFAULTS>;

/** `byVariable`: the settings whose flag came from its variable. */
export function givenBy(flags: GatewayFlags, byVariable: ReadonlySet<string>): Given {
  return givenFlags(SETTING_OF, flags, byVariable);
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
  readonly direct: readonly DirectNetwork[];
}

/** Of what is issued from now on, in ms. */
export interface Lifetimes {
  /** Agents that speak version 2. */
  readonly agentMs: number;
  readonly serverMs: number;
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
  const publicUdp = flags.publicUdp === undefined ? (stored?.public_udp ?? null) : parsePublicUdp(flags.publicUdp, 'public-udp');
  const lifetimes = {
    agentMs: lifetimeOf(flags.agentCertLifetime ?? stored?.agent_cert_lifetime, 'agent-cert-lifetime', DEFAULT_AGENT_CERT_MS),
    serverMs: lifetimeOf(flags.serverCertLifetime ?? stored?.server_cert_lifetime, 'server-cert-lifetime', DEFAULT_SERVER_CERT_MS),
  };
  const longestSessionMs = stored?.longest_session ? parseSessionLength(stored.longest_session, 'longest_session') : null;
  return { listen, proxyListen, publicUrl, publicUdp, lifetimes, direct: parseDirect(flags.direct ?? stored?.direct ?? []), longestSessionMs };
}

/** What to store once the ports are known; of the lifetimes only what is not the default, or stands there already. */
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
    ...unlessDefault('agent_cert_lifetime', wanted.lifetimes.agentMs, DEFAULT_AGENT_CERT_MS, stored),
    ...unlessDefault('server_cert_lifetime', wanted.lifetimes.serverMs, DEFAULT_SERVER_CERT_MS, stored),
    ...(wanted.direct.length > 0 || stored?.direct ? { direct: wanted.direct.map(formatTargetScope) } : {}),
  };
}

function unlessDefault(setting: 'agent_cert_lifetime' | 'server_cert_lifetime', ms: number, defaultMs: number, stored: StoredConfig | undefined) {
  return ms === defaultMs && stored?.[setting] === undefined ? {} : { [setting]: formatDuration(ms) };
}

function lifetimeOf(text: string | undefined, field: string, defaultMs: number): number {
  return text === undefined ? defaultMs : parseLifetime(text, field);
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
