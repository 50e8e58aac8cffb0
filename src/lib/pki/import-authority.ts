// May a CA that was made elsewhere be the CA of a gateway? Its certificate and key are judged here, and why not is said. Loads @peculiar/x509: import it where it is used.
import 'reflect-metadata';
import { type KeyObject, X509Certificate } from 'node:crypto';
import { KeyUsageFlags, KeyUsagesExtension, X509Certificate as ParsedCertificate } from '@peculiar/x509';
import { TunnelError } from '../base/errors.ts';
import { isLocked, isSelfSigned } from './authority.ts';
import { openCaKey } from './keys.ts';
import { splitPemBundle } from './pin.ts';

export interface ImportedAuthority {
  readonly certificatePem: string;
  readonly key: KeyObject;
}

export interface PemFile {
  /** As errors name it. */
  readonly path: string;
  readonly text: string;
}

interface Given {
  /** The certificate, and the key where `key` is not given. */
  readonly pem: PemFile;
  readonly key: PemFile | undefined;
  /** Of an encrypted key. */
  readonly passphrase: string | undefined;
  readonly now: number;
}

const PRIVATE_KEY = /-----BEGIN ((?:ENCRYPTED |EC |RSA )?PRIVATE KEY)-----[\s\S]+?-----END \1-----/g;
const NAME_CONSTRAINTS = '2.5.29.30';
const USAGES = ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'];
const ANY_USAGE = '2.5.29.37.0';

/** Errors `ca.refused`, naming file and reason; `ca.passphrase`. */
export function importAuthority({ pem, key: keyFile = pem, passphrase, now }: Given): ImportedAuthority {
  const [certificatePem, another] = splitPemBundle(pem.text);
  if (certificatePem === undefined) throw refused(pem, 'it holds no certificate in PEM');
  if (another !== undefined) throw refused(pem, 'it holds more than one certificate', 'Name a file with the certificate of the CA alone.');
  const certificate = parse(pem, certificatePem);
  judge(pem, certificate, now);
  const [keyPem, second] = Array.from(keyFile.text.matchAll(PRIVATE_KEY), ([found]) => found);
  if (keyPem === undefined) throw refused(keyFile, 'it holds no private key in PEM', keyFile === pem ? 'Name the file of the key with --key-pem.' : undefined);
  if (second !== undefined) throw refused(keyFile, 'it holds more than one private key');
  const key = open(keyFile, keyPem, passphrase);
  if (!certificate.checkPrivateKey(key)) throw refused(keyFile, `its key is not that of the certificate in ${pem.path}`);
  return { certificatePem, key };
}

function judge(file: PemFile, certificate: X509Certificate, now: number): void {
  if (!certificate.ca) throw refused(file, 'it is not the certificate of a CA (basicConstraints CA:TRUE)');
  const parsed = new ParsedCertificate(certificate.raw);
  const usages = parsed.getExtension(KeyUsagesExtension)?.usages;
  if (usages !== undefined && !(usages & KeyUsageFlags.keyCertSign)) throw refused(file, 'it may not sign certificates (keyUsage keyCertSign)');
  const { namedCurve } = certificate.publicKey.asymmetricKeyDetails ?? {};
  if (namedCurve !== 'prime256v1' && namedCurve !== 'secp384r1') throw refused(file, 'its key is not ECDSA P-256 or P-384');
  if (certificate.validToDate.getTime() <= now) throw refused(file, `it ended at ${certificate.validToDate.toISOString()}`);
  if (certificate.validFromDate.getTime() > now) throw refused(file, `it begins only at ${certificate.validFromDate.toISOString()}`);
  if (!certificate.subject) throw refused(file, 'it has no subject');
  if (!isSelfSigned(certificate)) throw refused(file, 'it is signed by another CA, and peers that know only this one could not verify it', 'Use a root CA.');
  const extended = certificate.keyUsage;
  if (extended && !extended.includes(ANY_USAGE) && !USAGES.every((usage) => extended.includes(usage)))
    throw refused(file, 'it may not sign for both servers and clients (extendedKeyUsage)');
  if (parsed.getExtension(NAME_CONSTRAINTS)) throw refused(file, 'it limits the names that it may sign (nameConstraints)');
}

function parse(file: PemFile, certificatePem: string): X509Certificate {
  try {
    return new X509Certificate(certificatePem);
  } catch (cause) {
    throw refused(file, 'its certificate cannot be read', undefined, cause);
  }
}

function open(file: PemFile, keyPem: string, passphrase: string | undefined): KeyObject {
  if (isLocked(keyPem) && passphrase === undefined) {
    throw new TunnelError('ca.passphrase', `the key in ${file.path} is encrypted, and no passphrase was given`, {
      hint: 'Name the file that holds it with --passphrase-file; the key is kept encrypted with it.',
    });
  }
  try {
    return openCaKey(keyPem, passphrase);
  } catch (error) {
    throw error instanceof TunnelError && error.code === 'file.corrupt' ? refused(file, error.message, undefined, error) : error;
  }
}

function refused({ path }: PemFile, why: string, hint?: string, cause?: unknown): TunnelError {
  return new TunnelError('ca.refused', `${path} cannot be the CA of a gateway: ${why}`, { hint, cause });
}
