// A certificate of which nobody looks at more than that it is there.
import type { CertificateFacts } from '../../src/lib/pki/certificate-facts.ts';

export const someCertificate: CertificateFacts = {
  serial: '01',
  spkiSha256: 'e'.repeat(64),
  fingerprintSha256: 'f'.repeat(64),
  notBefore: Date.UTC(2026, 0, 1),
  notAfter: Date.UTC(2099, 0, 1),
};
