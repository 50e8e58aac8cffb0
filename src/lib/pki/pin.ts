// Pins of public keys, and the search for a pinned certificate among those that an unverified answer brought.
import { timingSafeEqual } from 'node:crypto';
import { certificateFacts } from './certificate-facts.ts';

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;

/** SHA-256 of the SPKI, lower-case hex, of a certificate in PEM or DER. Throws what node:crypto throws where it is none. */
export function spkiPin(certificate: string | Uint8Array): string {
  return certificateFacts(certificate).spkiSha256;
}

/** The certificate of `bundlePem` that has the pinned key. Undefined when there is none; whatever else the bundle holds is passed over. */
export function pinnedCertificate(bundlePem: string, pin: string): string | undefined {
  return splitPemBundle(bundlePem).find((certificatePem) => {
    const found = pinOrNothing(certificatePem);
    return found !== undefined && samePin(found, pin);
  });
}

/** Each certificate of a bundle, with a final line end; text around them is left out. */
export function splitPemBundle(bundlePem: string): string[] {
  return Array.from(bundlePem.matchAll(CERTIFICATE), ([certificatePem]) => `${certificatePem}\n`);
}

/** In constant time; upper case is not the same, as in version 1. */
export function samePin(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}

function pinOrNothing(certificatePem: string): string | undefined {
  try {
    return spkiPin(certificatePem);
  } catch {
    // The bundle came unverified: a broken certificate in it says nothing about the others.
    return undefined;
  }
}
