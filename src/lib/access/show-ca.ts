// What there is to know about a gateway's certificate authority: its public file, and from the store how many certificates it has issued.
import { createHash, X509Certificate } from 'node:crypto';
import { basename } from 'node:path';
import { TunnelError } from '../base/errors.ts';
import type { World } from '../base/world.ts';
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
  /** Certificates of agents so far, revoked and expired ones too. */
  readonly issued: number;
}

/** Errors `ca.missing`, `file.corrupt`, and those of opening the gateway once it has a store. */
export async function showCa(dataDir: string, world: World, signal: AbortSignal): Promise<ShownCa> {
  const { caCertificate: path, database } = dataFolder(dataDir);
  const pem = await world.files.read(path);
  if (pem === undefined) throw new TunnelError('ca.missing', `${dataDir} holds no CA`, { hint: `tunnel ca init --data-dir '${dataDir}'` });
  const certificate = parse(pem, path);
  return {
    ca_file: path,
    subject: certificate.subject,
    sha256: sha256(certificate.raw),
    spki_sha256: sha256(certificate.publicKey.export({ type: 'spki', format: 'der' })),
    not_before: certificate.validFromDate.toISOString(),
    not_after: certificate.validToDate.toISOString(),
    issued: (await world.files.list(dataDir)).includes(basename(database)) ? await countIssued(dataDir, world, signal) : 0,
  };
}

async function countIssued(dataDir: string, world: World, signal: AbortSignal): Promise<number> {
  const { openGateway } = await import('../gateway/open.ts');
  await using gateway = await openGateway({ dataDir }, world);
  return await gateway.client.issued(signal);
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
