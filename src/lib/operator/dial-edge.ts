// Dials an edge: TLS 1.3 against the tunnel's own CA, by ALPN, and on it the streams of our CLI's connection.
import type { TLSSocket } from 'node:tls';
import { unlessAborted, within } from '../base/deadline.ts';
import { TunnelError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { World } from '../base/world.ts';
import { OPERATOR_ALPN } from '../link/operator-request.ts';
import { dialTls } from '../streams/dial-tls.ts';
import { LIVENESS } from '../transport/liveness.ts';
import { MuxLink } from '../transport/mux/link.ts';

const HINT = 'Is the gateway running, and does a firewall let TCP through to it?';

/** `where` is host:port. Errors `gateway.unreachable`, `gateway.silent`, `certificate.refused`, `protocol.violation`, those of a proxy. */
export async function dialEdge(where: string, caPem: string, world: World, signal: AbortSignal): Promise<MuxLink> {
  const late = () => new TunnelError('gateway.silent', `the gateway at ${where} did not answer`, { hint: HINT });
  return await within(world.clock, LIMITS.connectTargetMs, late, signal, async (limit) => {
    const socket = await secure(where, caPem, world, limit);
    const remote = { address: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 };
    const peerCertificate = socket.getPeerX509Certificate()?.raw ?? new Uint8Array(0);
    const parts = { socket, role: 'dialler', transport: 'tls', alpn: OPERATOR_ALPN, remote, peerCertificate, incomingStreams: 0, liveness: LIVENESS } as const;
    const link = new MuxLink(parts, world.clock);
    try {
      await unlessAborted(link.ready, limit);
      return link;
    } catch (cause) {
      await link.close();
      throw limit.aborted
        ? cause
        : new TunnelError('gateway.unreachable', `cannot reach the gateway at ${where}: it closed the connection`, { hint: HINT, cause });
    }
  });
}

async function secure(where: string, ca: string, world: World, signal: AbortSignal): Promise<TLSSocket> {
  const options = { ca, alpn: OPERATOR_ALPN, minVersion: 'TLSv1.3' } as const;
  const tls = await dialTls({ ...splitAuthority(where), called: where }, options, world, signal).catch((error: unknown) => {
    const { cause } = error instanceof TunnelError ? error : {};
    const refused = cause instanceof Error && 'code' in cause && cause.code === 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL';
    throw refused ? noEdge(where, cause) : error;
  });
  if (tls.alpnProtocol === OPERATOR_ALPN) return tls;
  tls.destroy();
  throw noEdge(where);
}

function splitAuthority(where: string): { host: string; port: number } {
  const { hostname, port } = new URL(`https://${where}`);
  return { host: hostname.replace(/^\[(.*)\]$/, '$1'), port: Number(port || 443) };
}

function noEdge(where: string, cause?: unknown): TunnelError {
  return new TunnelError('protocol.violation', `${where} does not speak ${OPERATOR_ALPN}`, {
    hint: 'Is that a tunnel gateway, with nothing before it that ends TLS? An older one must be updated first.',
    cause,
  });
}
