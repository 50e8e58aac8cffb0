// What identifies a certificate, in the spellings that store, pins and API use.
import { createHash, X509Certificate } from 'node:crypto';

export interface CertificateFacts {
  /** Lower-case hex of the integer, without leading zero bytes. */
  readonly serial: string;
  /** The pin: SHA-256 of the SPKI, lower-case hex. */
  readonly spkiSha256: string;
  /** SHA-256 of the whole DER, lower-case hex. For people: ECDSA signatures are malleable, so nothing is decided by it. */
  readonly fingerprintSha256: string;
  /** Milliseconds since 1970, whole seconds. */
  readonly notBefore: number;
  readonly notAfter: number;
}

/** Of PEM or DER. Throws what node:crypto throws where it is none. */
export function certificateFacts(certificate: string | Uint8Array | X509Certificate): CertificateFacts {
  const parsed = certificate instanceof X509Certificate ? certificate : new X509Certificate(certificate);
  return {
    serial: parsed.serialNumber.toLowerCase(),
    spkiSha256: sha256Hex(parsed.publicKey.export({ type: 'spki', format: 'der' })),
    fingerprintSha256: sha256Hex(parsed.raw),
    notBefore: parsed.validFromDate.getTime(),
    notAfter: parsed.validToDate.getTime(),
  };
}

export function sha256Hex(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
