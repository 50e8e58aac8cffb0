// Dials an edge: TCP, TLS 1.3 against the tunnel's own CA, ALPN tunnel-connect/1, HTTP/2 with windows that do not throttle.
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { isIP } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { within } from '../base/deadline.ts';
import { TunnelError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { TcpSocket, World } from '../base/world.ts';

const ALPN = 'tunnel-connect/1';
/** In megabytes, as node wants it. Its default of 10 refuses streams long before the windows, which are what bounds memory, are used up. */
const SESSION_MEMORY = LIMITS.http2ClientMemoryBytes / 1024 ** 2;
const TCP_KEEP_ALIVE_MS = 15_000;
const HINT = 'Is the gateway running, and does a firewall let TCP through to it?';

/** `where` is host:port. Errors `gateway.unreachable`, `gateway.silent`, `certificate.refused`, `protocol.violation`. */
export async function dialEdge(where: string, caPem: string, world: World, signal: AbortSignal): Promise<ClientHttp2Session> {
  const late = () => new TunnelError('gateway.silent', `the gateway at ${where} did not answer`, { hint: HINT });
  return await within(world.clock, LIMITS.connectTargetMs, late, signal, async (limit) => {
    const { host, port } = splitAuthority(where);
    const socket = await dialTcp(host, port, where, world, limit);
    const secure = await handshake(socket, host, where, caPem, limit);
    return await startHttp2(secure, where, limit);
  });
}

function splitAuthority(where: string): { host: string; port: number } {
  const { hostname, port } = new URL(`https://${where}`);
  return { host: hostname.replace(/^\[(.*)\]$/, '$1'), port: Number(port || 443) };
}

async function dialTcp(host: string, port: number, where: string, { net }: World, signal: AbortSignal): Promise<TcpSocket> {
  let last: unknown;
  const addresses = await net.resolve(host, signal).catch((cause: unknown) => {
    if (signal.aborted) throw cause;
    throw unreachable(where, `its name ${host} does not resolve`, cause);
  });
  for (const { address } of addresses) {
    try {
      return (await net.connect({ address, port }, signal)).setKeepAlive(true, TCP_KEEP_ALIVE_MS);
    } catch (cause) {
      if (signal.aborted) throw cause;
      last = cause;
    }
  }
  throw unreachable(where, last instanceof Error ? last.message : 'it has no address', last);
}

/** The name in `where` must stand in the certificate. */
function handshake(socket: TcpSocket, host: string, where: string, ca: string, signal: AbortSignal): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const secure = connectTls({ socket, host, ca, ALPNProtocols: [ALPN], minVersion: 'TLSv1.3', ...(isIP(host) === 0 ? { servername: host } : {}) });
    const settle = (act: () => void) => {
      signal.removeEventListener('abort', abort);
      secure.off('error', failed).off('secureConnect', connected);
      act();
    };
    const fail = (error: unknown) =>
      settle(() => {
        secure.on('error', ignore).destroy();
        socket.destroy();
        reject(error);
      });
    const abort = () => fail(signal.reason);
    const failed = (cause: Error) => fail(handshakeError(where, cause));
    const connected = () => {
      if (secure.alpnProtocol === ALPN) settle(() => resolve(secure));
      else fail(noEdge(where));
    };
    signal.addEventListener('abort', abort, { once: true });
    secure.once('error', failed).once('secureConnect', connected);
    if (signal.aborted) abort();
  });
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

function handshakeError(where: string, cause: Error): TunnelError {
  const code = 'code' in cause ? String(cause.code) : '';
  if (/CERT|ALTNAME|UNABLE_TO/.test(code) && !code.startsWith('ERR_SSL')) {
    const hint = 'If its CA was replaced, ask for a new login string and log in again.';
    return new TunnelError('certificate.refused', `the certificate of the gateway at ${where} is not trusted: ${cause.message.replace(/;.*$/, '')}`, {
      hint,
      cause,
    });
  }
  if (code === 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL') return noEdge(where, cause);
  return unreachable(where, 'reason' in cause ? String(cause.reason) : cause.message, cause);
}

function noEdge(where: string, cause?: unknown): TunnelError {
  return new TunnelError('protocol.violation', `${where} does not speak ${ALPN}`, {
    hint: 'Is that a tunnel gateway, with nothing before it that ends TLS?',
    cause,
  });
}

function unreachable(where: string, why: string, cause?: unknown): TunnelError {
  return new TunnelError('gateway.unreachable', `cannot reach the gateway at ${where}: ${why}`, { hint: HINT, cause });
}

function ignore(): void {}
