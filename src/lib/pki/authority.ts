// The certificate authority of one gateway, opened for issuing, and what its peers are to trust. Does not load @peculiar/x509, which a gateway at rest does not need: leaf.ts does.
import { type KeyObject, X509Certificate } from 'node:crypto';
import { TunnelError } from '../base/errors.ts';
import { type CertificateFacts, certificateFacts } from './certificate-facts.ts';
import { openCaKey, signingKeyOf } from './keys.ts';
import { splitPemBundle } from './pin.ts';

/** A clock a little behind ours must not refuse what we have just issued. */
export const BACKDATED_MS = 5 * 60_000;

export interface Authority extends CertificateFacts {
  /** The one that issues. */
  readonly certificatePem: string;
  /** What peers are to trust: this CA and, while a rotation runs, the one before it. */
  readonly bundlePem: string;
  /** Sent behind a server's leaf, so that who knows only the CA before can verify it (rotation.ts). Empty without a rotation. */
  readonly crossPem: string;
  /** Accepted until its `notAfter`. */
  readonly previous: CertificateFacts | undefined;
  /** Error `ca.passphrase` where the key was not opened. */
  readonly signingKey: CryptoKey;
}

export interface CaKeyFile {
  readonly pem: string;
  /** Of an encrypted one; without it the key stays shut until somebody asks for it. */
  readonly passphrase?: string | undefined;
}

/**
 * `caPem`: the issuing certificate first, then what a rotation left (rotation.ts); a CA before it that has ended at `now` counts for nothing.
 * Errors `file.corrupt`: no CA certificate, or the key of another one; `ca.passphrase`: a wrong one.
 */
export async function loadAuthority(caPem: string, key: string | CaKeyFile, now = 0): Promise<Authority> {
  const { pem: keyPem, passphrase } = typeof key === 'string' ? { pem: key, passphrase: undefined } : key;
  const [issuing, ...others] = splitPemBundle(caPem).map(parseCa);
  if (!issuing) throw corrupt('the CA certificate is not a certificate in PEM');
  if (!issuing.ca) throw corrupt('the CA certificate is not one of a CA');
  const opened = isLocked(keyPem) && passphrase === undefined ? undefined : openCaKey(keyPem, passphrase);
  if (opened && !issuing.checkPrivateKey(opened)) throw corrupt('the CA key does not belong to the CA certificate');
  const before = others.find((other) => isSelfSigned(other) && other.validToDate.getTime() > now);
  const cross = before && others.find((other) => other !== before && issuing.publicKey.equals(other.publicKey));
  const certificatePem = pemOf(issuing);
  return withKey(
    {
      ...certificateFacts(issuing),
      certificatePem,
      bundlePem: before ? certificatePem + pemOf(before) : certificatePem,
      crossPem: cross ? pemOf(cross) : '',
      previous: before && certificateFacts(before),
    },
    opened,
  );
}

/** Whether a passphrase is needed to open it. */
export function isLocked(keyPem: string): boolean {
  return /^-----BEGIN ENCRYPTED PRIVATE KEY-----$|^Proc-Type: 4,ENCRYPTED$/m.test(keyPem);
}

export function isSelfSigned(certificate: X509Certificate): boolean {
  return certificate.checkIssued(certificate) && certificate.verify(certificate.publicKey);
}

/** The key is opened for signing at most once, and asked for only where something is signed. */
function withKey(facts: Omit<Authority, 'signingKey'>, opened: KeyObject | undefined): Authority {
  let signing: CryptoKey | undefined;
  return {
    ...facts,
    get signingKey() {
      if (!opened) {
        throw new TunnelError('ca.passphrase', 'the key of the CA is encrypted, and no passphrase was given', {
          hint: 'Name the file that holds it: gateway start --ca-passphrase-file FILE, ca rotate --passphrase-file FILE.',
        });
      }
      signing ??= signingKeyOf(opened);
      return signing;
    },
  };
}

/** One line end of one kind, and a final one. */
function pemOf(certificate: X509Certificate): string {
  return `${certificate.toString().trimEnd()}\n`;
}

function parseCa(certificatePem: string): X509Certificate {
  try {
    return new X509Certificate(certificatePem);
  } catch (cause) {
    throw corrupt('the CA certificate is not a certificate in PEM', cause);
  }
}

function corrupt(message: string, cause?: unknown): TunnelError {
  return new TunnelError('file.corrupt', message, { cause });
}
