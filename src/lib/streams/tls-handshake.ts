// The client's side of a TLS handshake on a connection that is there already: the one place that waits for it, for the gateway and for proxies alike.
import { isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { TunnelError } from '../base/errors.ts';
import { escapeText } from '../base/escape.ts';

export interface TlsOptions extends Pick<ConnectionOptions, 'ca' | 'rejectUnauthorized' | 'minVersion'> {
  readonly alpn?: string;
}

/**
 * `host` is asked for by SNI when it is a name (RFC 6066, 3) and held against the certificate in any case. Owns `raw`: both go together. It cannot reset: who needs
 * that puts a TlsWire below. (Tried, 24.21: a reset of the TCP socket that TLS lies on directly leaves as a clean end, and with `destroy` after it at times ends the process.)
 * Error `certificate.refused` without a hint; everything else rejects as it came, an abort with the signal's reason.
 */
export async function shakeHands(raw: Duplex, host: string, { alpn, ...options }: TlsOptions, signal: AbortSignal): Promise<TLSSocket> {
  const named = isIP(host) === 0 ? { servername: host } : {};
  const rejectUnauthorized = true; // Node's own default is NODE_TLS_REJECT_UNAUTHORIZED
  const tls = connect({ socket: raw, host, ...named, ...(alpn !== undefined && { ALPNProtocols: [alpn] }), rejectUnauthorized, ...options });
  tls.once('close', () => raw.destroy());
  try {
    await secured(tls, signal);
    return tls;
  } catch (cause) {
    tls.destroy();
    raw.destroy();
    throw !signal.aborted && tls.authorizationError && cause instanceof Error ? refused(cause) : cause;
  }
}

/** Resolves when the handshake that `tls` has begun is complete. Rejects with what it failed with, as it came; an abort with the signal's reason. Whoever called ends the socket then. */
export function secured(tls: TLSSocket, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void) => {
      signal.removeEventListener('abort', abort);
      tls.off('secureConnect', ready).off('error', failed).off('close', ended).on('error', ignore); // whoever uses it hears of it there
      act();
    };
    const abort = () => settle(() => reject(signal.reason));
    const ready = () => settle(resolve);
    const failed = (cause: Error) => settle(() => reject(cause));
    const ended = () => failed(new TunnelError('link.lost', 'the connection ended in the handshake'));
    signal.addEventListener('abort', abort, { once: true });
    tls.once('secureConnect', ready).once('error', failed).once('close', ended);
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
