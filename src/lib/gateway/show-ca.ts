// What there is to know about a gateway's certificate authority: its public file, and from the store how many certificates it has issued.
import { X509Certificate } from 'node:crypto';
import { basename } from 'node:path';
import { TunnelError } from '../base/errors.ts';
import type { World } from '../base/world.ts';
import { isLocked } from '../pki/authority.ts';
import { certificateFacts } from '../pki/certificate-facts.ts';
import { splitPemBundle } from '../pki/pin.ts';
import { dataFolder } from './data-folder.ts';

export interface ShownCertificate {
  readonly subject: string;
  /** SHA-256 of the certificate, lower-case hex. */
  readonly sha256: string;
  /** SHA-256 of its public key: the pin in every string. */
  readonly spki_sha256: string;
  readonly not_before: string;
  readonly not_after: string;
}

/** Of the CA that issues. */
export interface ShownCa extends ShownCertificate {
  readonly ca_file: string;
  /** Whether a passphrase is needed to use its key. */
  readonly encrypted: boolean;
  /** Certificates of agents so far, revoked and expired ones too. */
  readonly issued: number;
  /** While the CA is rotated: the one before, accepted until its `not_after`. */
  readonly previous: ShownCertificate | null;
  /** Agents whose certificate is still of the one before. */
  readonly agents_behind: number;
}

/** Errors `ca.missing`, `file.corrupt`, and those of opening the gateway once it has a store. */
export async function showCa(dataDir: string, world: World, signal: AbortSignal): Promise<ShownCa> {
  const { caCertificate: path, caKey, database } = dataFolder(dataDir);
  const pem = await world.files.read(path);
  if (pem === undefined) throw new TunnelError('ca.missing', `${dataDir} holds no CA`, { hint: `tunnel ca init --data-dir '${dataDir}'` });
  const [issuing, ...others] = splitPemBundle(Buffer.from(pem).toString()).map((one) => parse(one, path));
  if (issuing === undefined) throw notOne(path);
  const now = world.clock.now();
  const before = others.find((other) => other.verify(other.publicKey) && other.validToDate.getTime() > now);
  const key = await world.files.readSecret(caKey);
  const hasStore = (await world.files.list(dataDir)).includes(basename(database));
  return {
    ca_file: path,
    ...shown(issuing),
    encrypted: key !== undefined && isLocked(Buffer.from(key).toString()),
    ...(hasStore ? await count(dataDir, world, signal) : { issued: 0, agents_behind: 0 }),
    previous: before === undefined ? null : shown(before),
  };
}

async function count(dataDir: string, world: World, signal: AbortSignal): Promise<Pick<ShownCa, 'issued' | 'agents_behind'>> {
  const { openGateway } = await import('./open.ts');
  await using gateway = await openGateway({ dataDir }, world);
  const { agents_behind } = await gateway.client.rotation(signal);
  return { issued: await gateway.client.issued(signal), agents_behind };
}

function shown(certificate: X509Certificate): ShownCertificate {
  const { fingerprintSha256, spkiSha256 } = certificateFacts(certificate);
  return {
    subject: certificate.subject,
    sha256: fingerprintSha256,
    spki_sha256: spkiSha256,
    not_before: certificate.validFromDate.toISOString(),
    not_after: certificate.validToDate.toISOString(),
  };
}

function parse(pem: string, path: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (cause) {
    throw notOne(path, cause);
  }
}

function notOne(path: string, cause?: unknown): TunnelError {
  return new TunnelError('file.corrupt', `${path} is not a certificate`, { hint: 'Restore it from a backup.', cause });
}
