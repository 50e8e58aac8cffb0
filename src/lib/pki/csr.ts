// Certificate signing requests: an agent's own, and the one thing that a gateway takes from somebody else's: a public key whose owner has signed. Loads @peculiar/x509: import it where it is used.
import { LIMITS } from '../base/limits.ts';
import 'reflect-metadata';
import { createPublicKey, type KeyObject } from 'node:crypto';
import { Pkcs10CertificateRequest, Pkcs10CertificateRequestGenerator } from '@peculiar/x509';
import { TunnelError } from '../base/errors.ts';
import { sha256Hex } from './certificate-facts.ts';
import { commonNameOf, pemOf } from './create-authority.ts';
import { P256, signingPair } from './keys.ts';

export type KeyKind = 'P-256' | 'P-384' | 'Ed25519' | 'RSA';

const PEM = /^-----BEGIN (NEW )?CERTIFICATE REQUEST-----\s([A-Za-z0-9+/\s]+={0,2})\s*-----END \1?CERTIFICATE REQUEST-----$/;
const CURVES: Readonly<Record<string, KeyKind>> = { prime256v1: 'P-256', secp384r1: 'P-384' };

/** What stock gateways take too (reference.md, 3): P-256 with SHA-256, CN only, no extension request. */
export async function makeCsr(privateKeyPem: string, commonName: string): Promise<string> {
  return pemOf(await Pkcs10CertificateRequestGenerator.create({ name: commonNameOf(commonName), keys: signingPair(privateKeyPem), signingAlgorithm: P256 }));
}

/** Nothing but the key is taken; subject and wishes are dropped unread. Error `csr.refused`, naming what is wrong. */
export async function readCsr(pem: string): Promise<{ spki: Uint8Array; spkiSha256: string; keyKind: KeyKind }> {
  const der = decodePem(pem);
  const { csr, spki } = parse(der);
  const key = openKey(spki);
  const keyKind = kindOf(key);
  if (!canonicalSpki(key).equals(spki)) throw refused('its public key is not in the usual encoding');
  if (!(await isSigned(csr))) throw refused('its signature is wrong');
  return { spki, spkiSha256: sha256Hex(spki), keyKind };
}

function decodePem(pem: string): Uint8Array {
  if (pem.length > LIMITS.csrBytes) throw refused(`it is larger than ${LIMITS.csrBytes} bytes`);
  const [, , base64] = PEM.exec(pem.trim()) ?? [];
  if (base64 === undefined) throw refused('it is not one certificate request in PEM');
  return Buffer.from(base64, 'base64');
}

function parse(der: Uint8Array): { csr: Pkcs10CertificateRequest; spki: Buffer } {
  if (derLength(der) !== der.length) throw refused('it is cut off, or bytes follow it');
  try {
    const csr = new Pkcs10CertificateRequest(Uint8Array.from(der));
    return { csr, spki: Buffer.from(csr.publicKey.rawData) };
  } catch (cause) {
    throw refused('it cannot be read', cause);
  }
}

/** Of the outermost element with its header (X.690 8.1.3); undefined when it is no SEQUENCE with a definite length that we would take. */
function derLength(der: Uint8Array): number | undefined {
  const [tag, first = 0x80, high = 0, low = 0] = der;
  if (tag !== 0x30) return undefined;
  if (first < 0x80) return 2 + first;
  if (first === 0x81) return 3 + high;
  return first === 0x82 ? 4 + high * 256 + low : undefined;
}

function openKey(spki: Buffer): KeyObject {
  try {
    return createPublicKey({ key: spki, format: 'der', type: 'spki' });
  } catch (cause) {
    throw refused('its public key cannot be read', cause);
  }
}

function kindOf({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject): KeyKind {
  if (type === 'ed25519') return 'Ed25519';
  const curve = type === 'ec' ? CURVES[details?.namedCurve ?? ''] : undefined;
  if (curve !== undefined) return curve;
  if (type !== 'rsa') throw refused(`keys of this kind are not taken: ${details?.namedCurve ?? type}`);
  const bits = details?.modulusLength ?? 0;
  if (bits < 2048 || bits > 4096) throw refused(`an RSA key must have 2048 to 4096 bits, this one has ${bits}`);
  if ((details?.publicExponent ?? 0n) < 65_537n) throw refused('the exponent of its RSA key is too small');
  return 'RSA';
}

/** Named curve, uncompressed point: every verifier reads that, and one key has one pin. */
function canonicalSpki(key: KeyObject): Buffer {
  return createPublicKey({ key: key.export({ format: 'jwk' }), format: 'jwk' }).export({ type: 'spki', format: 'der' });
}

async function isSigned(csr: Pkcs10CertificateRequest): Promise<boolean> {
  try {
    return await csr.verify();
  } catch (cause) {
    throw refused('its signature cannot be checked', cause);
  }
}

function refused(why: string, cause?: unknown): TunnelError {
  return new TunnelError('csr.refused', `the certificate request is refused: ${why}`, { cause });
}
