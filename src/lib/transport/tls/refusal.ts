// Why there is no link: told to the peer whose certificate we refuse, and read from what a TLS handshake failed with.
import type { Duplex } from 'node:stream';
import { messageOf, TunnelError } from '../../base/errors.ts';
import type { Clock } from '../../base/world.ts';
import { whyOf } from '../../streams/tls-handshake.ts';
import type { LinkEnd } from '../link.ts';
import { closeFrame } from '../mux/frame.ts';

/** Close code: the peer's identity is not good (docs/protocol.md, 6). */
const REFUSED_CODE = 2;
const FAREWELL_MS = 1000;

/**
 * The last and only words to a peer. Node sends no alert for a certificate that it does not accept, and in TLS 1.3 the peer's handshake is over by then:
 * without this an agent whose certificate has expired would see a connection that is cut, again and again.
 */
export function refuse(socket: Duplex, why: string, clock: Clock): void {
  const patience = clock.after(FAREWELL_MS, () => socket.destroy());
  socket.once('close', () => patience.cancel()).on('error', () => {});
  socket.resume().end(closeFrame(REFUSED_CODE, why), () => socket.destroy());
}

/** The peer's refusal, where that is how the link ended; otherwise `error`. */
export function refusedOr(error: unknown, { by, code, reason }: LinkEnd): unknown {
  return by === 'peer' && code === REFUSED_CODE
    ? new TunnelError('certificate.refused', `the peer refused our certificate: ${reason}`, { cause: error, remote: true })
    : error;
}

/** Why the listener's engine did not take what a peer showed or offered; undefined where the peer went away or refused us. */
export function refusalOf(cause: Error): string | undefined {
  const code = 'code' in cause ? String(cause.code) : '';
  if (!/^ERR_(SSL|OSSL|CRYPTO)_/.test(code) || ALERT.test(code)) return undefined;
  return `the handshake was refused: ${whyOf(cause)}`;
}

const ALERT = /^ERR_SSL_(?:TLSV1|TLSV13|SSLV3)_ALERT_(.+)$/;
const ABOUT_CERTIFICATES = /CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED|DECRYPT_ERROR/;
const NODE_JUDGED = /CERT|UNABLE_TO|SIGNATURE|ISSUER|PATH_LENGTH|PURPOSE|CRL|CHAIN/;

/** Node tells by codes such as CERT_HAS_EXPIRED and ERR_SSL_TLSV1_ALERT_UNKNOWN_CA. A TunnelError of its own stays one. `certificate.refused`, `protocol.unsupported`, otherwise `link.lost`. */
export function handshakeError(cause: unknown): TunnelError {
  if (cause instanceof TunnelError) return cause;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  const alert = ALERT.exec(code)?.[1];
  if (alert === 'NO_APPLICATION_PROTOCOL') {
    return new TunnelError('protocol.unsupported', 'the two sides have no protocol version in common', { hint: 'Update the older side.', cause });
  }
  if (alert !== undefined && ABOUT_CERTIFICATES.test(alert)) {
    return new TunnelError('certificate.refused', `the peer refused our certificate: ${alert.toLowerCase()}`, { cause, remote: true });
  }
  if (!code.startsWith('ERR_SSL') && NODE_JUDGED.test(code)) {
    return new TunnelError('certificate.refused', `the peer's certificate was refused: ${code}`, { cause });
  }
  return new TunnelError('link.lost', `the connection ended in the handshake: ${messageOf(cause)}`, { cause });
}
