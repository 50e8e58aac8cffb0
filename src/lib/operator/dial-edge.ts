// Dials an edge: TLS 1.3 against the tunnel's own CA, by ALPN, and on it HTTP/2 with windows that do not throttle.
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import { within } from '../base/deadline.ts';
import { TunnelError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { World } from '../base/world.ts';
import { dialTls } from '../streams/dial-tls.ts';

const ALPN = 'tunnel-connect/1';
/** In megabytes, as node wants it. Its default of 10 refuses streams long before the windows, which are what bounds memory, are used up. */
const SESSION_MEMORY = LIMITS.http2ClientMemoryBytes / 1024 ** 2;
const HINT = 'Is the gateway running, and does a firewall let TCP through to it?';

/** `where` is host:port. Errors: those of `dialEdgeTls`. */
export async function dialEdge(where: string, caPem: string, world: World, signal: AbortSignal): Promise<ClientHttp2Session> {
  return await inTime(where, world, signal, async (limit) => await startHttp2(await secure(where, caPem, ALPN, world, limit), where, limit));
}

/** The bare TLS connection, for those who speak another protocol of the edge on it. Errors `gateway.unreachable`, `gateway.silent`, `certificate.refused`, `protocol.violation`, those of a proxy. */
export async function dialEdgeTls(where: string, caPem: string, alpn: string, world: World, signal: AbortSignal): Promise<TLSSocket> {
  return await inTime(where, world, signal, async (limit) => await secure(where, caPem, alpn, world, limit));
}

async function inTime<Value>(where: string, { clock }: World, signal: AbortSignal, work: (limit: AbortSignal) => Promise<Value>): Promise<Value> {
  const late = () => new TunnelError('gateway.silent', `the gateway at ${where} did not answer`, { hint: HINT });
  return await within(clock, LIMITS.connectTargetMs, late, signal, work);
}

async function secure(where: string, ca: string, alpn: string, world: World, signal: AbortSignal): Promise<TLSSocket> {
  const tls = await dialTls({ ...splitAuthority(where), called: where }, { ca, alpn, minVersion: 'TLSv1.3' }, world, signal).catch((error: unknown) => {
    const { cause } = error instanceof TunnelError ? error : {};
    const refused = cause instanceof Error && 'code' in cause && cause.code === 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL';
    throw refused ? noEdge(where, alpn, cause) : error;
  });
  if (tls.alpnProtocol === alpn) return tls;
  tls.destroy();
  throw noEdge(where, alpn);
}

function splitAuthority(where: string): { host: string; port: number } {
  const { hostname, port } = new URL(`https://${where}`);
  return { host: hostname.replace(/^\[(.*)\]$/, '$1'), port: Number(port || 443) };
}

function startHttp2(secure: TLSSocket, where: string, signal: AbortSignal): Promise<ClientHttp2Session> {
  const session = connectHttp2(`https://${where}`, {
    createConnection: () => secure,
    settings: { initialWindowSize: LIMITS.streamBufferBytes, enablePush: false },
    maxSessionMemory: SESSION_MEMORY,
  });
  session.on('error', ignore); // its streams carry the consequence
  secure.once('end', () => secure.destroy()); // the socket allows half-open, HTTP/2 does not: Node would leave every stream hanging
  return new Promise((resolve, reject) => {
    const settle = (act: () => void) => {
      signal.removeEventListener('abort', abort);
      session.off('close', closed).off('remoteSettings', ready);
      act();
    };
    const abort = () =>
      settle(() => {
        session.destroy();
        reject(signal.reason);
      });
    const closed = () => settle(() => reject(unreachable(where, 'it closed the connection')));
    const ready = () =>
      settle(() => {
        session.setLocalWindowSize(LIMITS.http2SessionWindowBytes);
        resolve(session);
      });
    signal.addEventListener('abort', abort, { once: true });
    session.once('close', closed).once('remoteSettings', ready);
    if (signal.aborted) abort();
  });
}

function noEdge(where: string, alpn: string, cause?: unknown): TunnelError {
  return new TunnelError('protocol.violation', `${where} does not speak ${alpn}`, {
    hint: 'Is that a tunnel gateway, with nothing before it that ends TLS?',
    cause,
  });
}

function unreachable(where: string, why: string, cause?: unknown): TunnelError {
  return new TunnelError('gateway.unreachable', `cannot reach the gateway at ${where}: ${why}`, { hint: HINT, cause });
}

function ignore(): void {}
