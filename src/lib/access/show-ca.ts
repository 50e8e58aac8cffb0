// What there is to know about a gateway's certificate authority, from its public file alone.
import { createHash, X509Certificate } from 'node:crypto';
import { TunnelError } from '../base/errors.ts';
import type { Files } from '../base/world.ts';
import { dataFolder } from '../gateway/data-folder.ts';

export interface ShownCa {
  readonly ca_file: string;
  readonly subject: string;
  /** SHA-256 of the certificate, lower-case hex. */
  readonly sha256: string;
  /** SHA-256 of its public key: the pin in every string. */
  readonly spki_sha256: string;
  readonly not_before: string;
  readonly not_after: string;
}

/** Errors `ca.missing`, `file.corrupt`. */
export async function showCa(dataDir: string, files: Files): Promise<ShownCa> {
  const path = dataFolder(dataDir).caCertificate;
  const pem = await files.read(path);
  if (pem === undefined) throw new TunnelError('ca.missing', `${dataDir} holds no CA`, { hint: `tunnel ca init --data-dir '${dataDir}'` });
  const certificate = parse(pem, path);
  return {
    ca_file: path,
    subject: certificate.subject,
    sha256: sha256(certificate.raw),
    spki_sha256: sha256(certificate.publicKey.export({ type: 'spki', format: 'der' })),
    not_before: certificate.validFromDate.toISOString(),
    not_after: certificate.validToDate.toISOString(),
  };
}

function parse(pem: Uint8Array, path: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (cause) {
    throw new TunnelError('file.corrupt', `${path} is not a certificate`, { hint: 'Restore it from a backup.', cause });
  }
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
