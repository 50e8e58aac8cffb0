// What both ends of a TLS link ask of TLS: version 1.3 only, both certificates, no resumption, the cheaper of the two good ciphers first.
import { constants } from 'node:crypto';
import type { SecureContextOptions } from 'node:tls';
import type { LinkCredentials } from '../link.ts';

/** AES-128 costs a fifth less than AES-256 for each byte and holds for all that is known. */
export const CIPHERS = 'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256';

/** A resumed session shows no certificate, and whoever was revoked might come back with one. */
export function secureContext({ certificatePem, privateKeyPem, trustedCaPem }: LinkCredentials): SecureContextOptions {
  return {
    cert: certificatePem,
    key: privateKeyPem,
    ca: trustedCaPem,
    minVersion: 'TLSv1.3',
    ciphers: CIPHERS,
    secureOptions: constants.SSL_OP_NO_TICKET,
  };
}
