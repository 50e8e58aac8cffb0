// One attempt to reach the gateway: its endpoint resolved, every address raced, its certificate held to the name or the key that enrolment made known.
import { TunnelError } from '../base/errors.ts';
import type { SocketAddress, World } from '../base/world.ts';
import { ALPN } from '../link/version.ts';
import { formatAddress } from '../routing/subnet.ts';
import { parseTarget } from '../routing/target.ts';
import { connectFirst, formatAddressPort } from '../streams/happy-eyeballs.ts';
import type { Link } from '../transport/link.ts';
import { dialQuic } from '../transport/quic/dial.ts';
import type { AgentConfig } from './config.ts';
import type { Identity } from './identity-folder.ts';

export interface GatewayPlace {
  /** host:port; by whom it was said, in order: flag, enrolment string, gateway (A14). */
  readonly endpoint: string;
  readonly config: Pick<AgentConfig, 'gateway' | 'ca_spki_sha256' | 'server_spki_sha256'>;
  readonly identity: Identity;
}

/** Errors of dialQuic with what was tried; `dns.failed`, `address.malformed`. */
export async function dialGateway({ endpoint, config, identity }: GatewayPlace, world: World, signal: AbortSignal): Promise<Link> {
  const { host, port } = parseEndpoint(endpoint);
  const addresses = (await world.net.resolve(host, signal)).map(({ address }): SocketAddress => ({ address, port }));
  const credentials = { certificatePem: identity.certificatePem, privateKeyPem: identity.privateKeyPem, trustedCaPem: identity.trustedCaPem, alpn: ALPN };
  // Our gateways are named in their certificate as they are called, wherever their UDP port is reached; a stock gateway is known by its key.
  const stock = config.ca_spki_sha256 === null;
  const proof = stock ? { serverName: host, pinnedSpki: config.server_spki_sha256 } : { serverName: hostOf(config.gateway) };
  const connect = async (to: SocketAddress, signal: AbortSignal) => {
    const link = await dialQuic({ to, ...proof, credentials, signal }, world).catch((error: unknown) => {
      throw named(error, to);
    });
    return { link, destroy: () => link.close(0, 'another address answered first') };
  };
  const { link } = await connectFirst(addresses, connect, world, signal);
  return link;
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

function hostOf(url: string): string {
  return new URL(url).hostname.replace(/^\[|\]$/g, '');
}
