// What a TLS handshake failed with, in the words of a failed dial: node tells by codes such as CERT_HAS_EXPIRED and ERR_SSL_TLSV1_ALERT_UNKNOWN_CA.
import { TunnelError } from '../../base/errors.ts';

const ALERT = /^ERR_SSL_(?:TLSV1|TLSV13|SSLV3)_ALERT_(.+)$/;
const ABOUT_CERTIFICATES = /CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED|DECRYPT_ERROR/;
const NODE_JUDGED = /CERT|UNABLE_TO|SIGNATURE|ISSUER|PATH_LENGTH|PURPOSE|CRL|CHAIN/;

/** A TunnelError of its own stays one. `certificate.refused`, `protocol.unsupported`, otherwise `link.lost`. */
export function handshakeError(cause: unknown): TunnelError {
  if (cause instanceof TunnelError) return cause;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  const alert = ALERT.exec(code)?.[1];
  if (alert === 'NO_APPLICATION_PROTOCOL') {
    return new TunnelError('protocol.unsupported', 'the two sides have no protocol version in common', { hint: 'Update the older side.', cause });
  }
  if (alert !== undefined && ABOUT_CERTIFICATES.test(alert)) {
    return new TunnelError('certificate.refused', `the peer refused our certificate: ${alert.toLowerCase()}`, { cause });
  }
  if (!code.startsWith('ERR_SSL') && NODE_JUDGED.test(code)) {
    return new TunnelError('certificate.refused', `the peer's certificate was refused: ${code}`, { cause });
  }
  return new TunnelError('link.lost', `the connection ended in the handshake: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
}
