// Is this leaf one for its role and its name? Chain and validity are the TLS engine's work; what engines are lax about is judged here, for every transport.
import { createHash, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { TunnelError } from '../base/errors.ts';

const PURPOSE_OID = { server: '1.3.6.1.5.5.7.3.1', client: '1.3.6.1.5.5.7.3.2' } as const;

export interface ExpectedPeer {
  readonly role: 'server' | 'client';
  /** The DNS name or address that must stand in the SAN; null checks no name (clients have none; a server must then be pinned). */
  readonly name: string | null;
  /** SHA-256 of the peer's SPKI, lower-case hex. */
  readonly pinnedSpki?: string | undefined;
}

/**
 * `behind`: what else the peer showed: CAs only, because whoever shows two leaves wants to be taken for the other.
 * Errors `certificate.refused` (purpose, CA certificate as leaf, two leaves, name; a CN is never looked at) and `pin.mismatch`.
 */
export function judgePeerCertificate(leaf: Uint8Array, expected: ExpectedPeer, behind: readonly Uint8Array[]): void {
  const certificate = parse(leaf);
  if (behind.some((other) => !parse(other).ca)) throw refused('there is another leaf behind it');
  const purposes = certificate.keyUsage ?? []; // node's name for the extended key usage
  if (!purposes.includes(PURPOSE_OID[expected.role])) throw refused(`it is not a ${expected.role} certificate (extended key usage)`);
  if (certificate.ca) throw refused('it is a CA certificate');
  if (certificate.subjectAltName === undefined) throw refused('it names nobody (no SAN; a common name does not count)');
  if (expected.name !== null && !isNamed(certificate, expected.name)) {
    throw refused(`it names ${certificate.subjectAltName}, not ${expected.name}`);
  }
  if (expected.pinnedSpki !== undefined && spkiPin(certificate) !== expected.pinnedSpki) {
    throw new TunnelError('pin.mismatch', "the peer's key is not the pinned one", {
      hint: 'Enrol again with a fresh string if the gateway was set up anew; otherwise something stands between.',
    });
  }
}

/** Whether a handshake failed because one side did not take what the other is or speaks. */
export function isRefusal({ code }: TunnelError): boolean {
  return code === 'certificate.refused' || code === 'protocol.unsupported';
}

function parse(leaf: Uint8Array): X509Certificate {
  try {
    return new X509Certificate(leaf);
  } catch (cause) {
    throw new TunnelError('certificate.refused', "the peer's certificate cannot be read", { cause });
  }
}

/** A stock gateway writes an address as a DNS SAN (reference.md, 0 row 8), so that counts too. */
function isNamed(certificate: X509Certificate, name: string): boolean {
  if (isIP(name) !== 0 && certificate.checkIP(name) !== undefined) return true;
  return certificate.checkHost(name, { subject: 'never' }) !== undefined;
}

function spkiPin(certificate: X509Certificate): string {
  return createHash('sha256')
    .update(certificate.publicKey.export({ type: 'spki', format: 'der' }))
    .digest('hex');
}

function refused(why: string): TunnelError {
  return new TunnelError('certificate.refused', `the peer's certificate was refused: ${why}`);
}
