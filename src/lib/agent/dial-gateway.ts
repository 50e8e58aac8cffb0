// The ways to the gateway: over QUIC to its endpoint, over TLS to the port of its API. Its certificate is held to the name or the key that enrolment made known.
import { within } from '../base/deadline.ts';
import { TunnelError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { SocketAddress, TcpSocket, World } from '../base/world.ts';
import { ALPN } from '../link/version.ts';
import { formatAddress } from '../routing/subnet.ts';
import { parseTarget } from '../routing/target.ts';
import { connectFirst, formatAddressPort } from '../streams/happy-eyeballs.ts';
import { reach } from '../streams/reach.ts';
import type { Link, LinkCredentials } from '../transport/link.ts';
import { dialQuic } from '../transport/quic/dial.ts';
import { loadQuiche } from '../transport/quic/native.ts';
import { dialTls } from '../transport/tls/dial.ts';
import type { Ways } from './bring-link.ts';
import type { AgentConfig } from './config.ts';
import type { Identity } from './identity-folder.ts';

export interface GatewayPlace {
  /** host:port for QUIC; by whom it was said, in order: flag, enrolment string, gateway (A14). */
  readonly endpoint: string;
  readonly config: Pick<AgentConfig, 'gateway' | 'ca_spki_sha256' | 'server_spki_sha256'>;
  readonly identity: Identity;
}

/** A stock gateway, whose strings hold no pin, has no way over TLS. */
export function hasTls({ ca_spki_sha256 }: Pick<AgentConfig, 'ca_spki_sha256'>): boolean {
  return ca_spki_sha256 !== null;
}

/** `place` is asked at each attempt: a renewal or a changed configuration counts at once. */
export function waysTo(place: () => GatewayPlace, world: World): Ways {
  return {
    quic: (signal) => overQuic(place(), world, signal),
    tls: hasTls(place().config) ? (signal) => overTls(place(), world, signal) : undefined,
  };
}

/** Errors of dialQuic with what was tried; `dns.failed`, `address.malformed`. */
async function overQuic({ endpoint, config, identity }: GatewayPlace, world: World, signal: AbortSignal): Promise<Link> {
  await loadQuiche(); // a machine without it is told so once, not for each address
  const { host, port } = parseEndpoint(endpoint);
  const addresses = (await world.net.resolve(host, signal)).map(({ address }): SocketAddress => ({ address, port }));
  const credentials = credentialsOf(identity, ALPN);
  // Our gateways are named in their certificate as they are called, wherever their UDP port is reached; a stock gateway is known by its key.
  const proof = hasTls(config) ? { serverName: gatewayOf(config).host } : { serverName: host, pinnedSpki: config.server_spki_sha256 };
  const connect = async (to: SocketAddress, signal: AbortSignal) => {
    const link = await dialQuic({ to, ...proof, credentials, signal }, world).catch((error: unknown) => {
      throw named(error, to);
    });
    return { link, destroy: () => link.close(0, 'another address answered first') };
  };
  const { link } = await connectFirst(addresses, connect, world, signal);
  return link;
}

/** Errors of dialTls and reach. */
async function overTls({ config, identity }: GatewayPlace, world: World, signal: AbortSignal): Promise<Link> {
  const gateway = gatewayOf(config);
  const credentials = credentialsOf(identity, ALPN.slice(0, 1)); // version 1 is spoken over QUIC only
  const silent = () =>
    new TunnelError('gateway.silent', `no answer from TCP ${formatAddressPort({ address: gateway.host, port: gateway.port })} within ${DIAL_TLS_MS / 1000} s`, {
      hint: `Is the gateway running, and may TCP port ${gateway.port} leave this network?`,
    });
  return await within(world.clock, DIAL_TLS_MS, silent, signal, async (signal) => {
    let first: TcpSocket | undefined = await reach(gateway, world, signal);
    const remote = { address: first.remoteAddress ?? gateway.host, port: first.remotePort ?? gateway.port };
    const connect = async (signal: AbortSignal) => {
      const socket = first ?? (await reach(gateway, world, signal));
      first = undefined;
      return socket;
    };
    return await dialTls({ connect, remote, serverName: gateway.host, credentials, signal }, world);
  });
}

/** For TCP, proxy and TLS together. */
const DIAL_TLS_MS = LIMITS.apiAnswerMs;

function credentialsOf({ certificatePem, privateKeyPem, trustedCaPem }: Identity, alpn: readonly string[]): LinkCredentials {
  return { certificatePem, privateKeyPem, trustedCaPem, alpn };
}

/** Error `address.malformed`. */
export function parseEndpoint(text: string): { host: string; port: number } {
  try {
    const { host, port } = parseTarget(text);
    return { host: host.kind === 'name' ? host.name : formatAddress(host.bytes), port };
  } catch (cause) {
    throw new TunnelError('address.malformed', `not an address for QUIC: ${JSON.stringify(text.slice(0, 80))}`, {
      hint: 'Write host:port or [v6]:port.',
      cause,
    });
  }
}

/** What fails most often in the field, a firewall that drops UDP, deserves its port in the message. */
function named(error: unknown, to: SocketAddress): unknown {
  if (!(error instanceof TunnelError)) return error;
  const silent = error.code === 'gateway.silent';
  const hint = silent ? `Is the gateway running, and may UDP port ${to.port} leave this network?` : error.hint;
  return new TunnelError(error.code, `${silent ? 'no answer from' : ''} UDP ${formatAddressPort(to)}${silent ? '' : `: ${error.message}`}`.trim(), {
    hint,
    cause: error,
  });
}

/** Of its API. */
function gatewayOf({ gateway }: Pick<AgentConfig, 'gateway'>): { host: string; port: number; called: string } {
  const { hostname, port } = new URL(gateway);
  return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 443), called: gateway };
}
