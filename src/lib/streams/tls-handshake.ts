// The client's side of a TLS handshake on a connection that is there already: the one place that waits for it, for the gateway and for proxies alike.
import { isIP } from 'node:net';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { TunnelError } from '../base/errors.ts';
import { escapeText } from '../base/escape.ts';
import type { TcpSocket } from '../base/world.ts';

export interface TlsOptions extends Pick<ConnectionOptions, 'ca' | 'rejectUnauthorized' | 'minVersion'> {
  readonly alpn?: string;
}

/**
 * `host` is asked for by SNI when it is a name (RFC 6066, 3) and held against the certificate in any case. Owns `raw`: both go together. It cannot reset: who needs
 * that puts a TlsWire below. (Tried, 24.21: a reset of the TCP socket that TLS lies on directly leaves as a clean end, and with `destroy` after it at times ends the process.)
 * Error `certificate.refused` without a hint; everything else rejects as it came, an abort with the signal's reason.
 */
export function shakeHands(raw: TcpSocket, host: string, { alpn, ...options }: TlsOptions, signal: AbortSignal): Promise<TLSSocket> {
  const named = isIP(host) === 0 ? { servername: host } : {};
  const tls = connect({ socket: raw, host, ...named, ...(alpn !== undefined && { ALPNProtocols: [alpn] }), ...options });
  tls.once('close', () => raw.destroy());
  return new Promise((resolve, reject) => {
    const settle = (act: () => void) => {
      signal.removeEventListener('abort', abort);
      tls.off('secureConnect', secured).off('error', failed).off('close', ended).on('error', ignore); // whoever uses it hears of it there
      act();
    };
    const fail = (error: unknown) =>
      settle(() => {
        tls.destroy();
        raw.destroy();
        reject(error);
      });
    const abort = () => fail(signal.reason);
    const secured = () => settle(() => resolve(tls));
    const failed = (cause: Error) => fail(tls.authorizationError ? refused(cause) : cause);
    const ended = () => fail(new Error('the connection ended in the handshake'));
    signal.addEventListener('abort', abort, { once: true });
    tls.once('secureConnect', secured).once('error', failed).once('close', ended);
    if (signal.aborted) abort();
  });
}

/** For messages: OpenSSL's errors have a reason of a few words besides a line of places in its source. */
export function whyOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  return 'reason' in cause ? String(cause.reason) : cause.message;
}

function refused(cause: Error): TunnelError {
  return new TunnelError('certificate.refused', escapeText(cause.message.replace(/;.*$/, '')), { cause });
}

function ignore(): void {}
