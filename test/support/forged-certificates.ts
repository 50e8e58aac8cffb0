// Certificates that no gateway issues, made with its own CA key, with a CA that calls itself the same, or with none: for tests of who gets in.
import 'reflect-metadata';
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type JsonGeneralName,
  X509Certificate as PeculiarCertificate,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { commonNameOf, pemOf } from '../../src/lib/pki/create-authority.ts';
import { P256, signingPair } from '../../src/lib/pki/keys.ts';
import { bitString, childrenOf, contentOf, integer, sequence } from './der.ts';

const DAY_MS = 86_400_000;

/** Who signs, in what name. */
export interface Issuer {
  readonly certificatePem: string;
  readonly privateKeyPem: string;
}

export interface Wish {
  readonly commonName?: string;
  readonly names: readonly JsonGeneralName[];
  readonly usages?: readonly string[];
  readonly ca?: boolean;
  /** From now, in days. */
  readonly from?: number;
  readonly until?: number;
  readonly serial?: string;
}

export function caOf(gatewayFolder: string): Issuer {
  const read = (name: string) => readFileSync(join(gatewayFolder, name), 'utf8');
  return { certificatePem: read('ca-cert.pem'), privateKeyPem: read('ca-key.pem') };
}

/** For the public half of `keyPem`, as wished: nothing is judged here. PEM. */
export async function forge(issuer: Issuer, keyPem: string, wish: Wish): Promise<string> {
  const { commonName = 'web1', names, usages = [ExtendedKeyUsage.clientAuth], ca = false, from = -1, until = 30, serial } = wish;
  const certificate = await X509CertificateGenerator.create({
    ...(serial !== undefined && { serialNumber: serial }),
    subject: commonNameOf(commonName),
    issuer: new PeculiarCertificate(issuer.certificatePem).subjectName,
    notBefore: new Date(Date.now() + from * DAY_MS),
    notAfter: new Date(Date.now() + until * DAY_MS),
    publicKey: signingPair(keyPem).publicKey,
    signingKey: signingPair(issuer.privateKeyPem).privateKey,
    signingAlgorithm: P256,
    extensions: [
      new BasicConstraintsExtension(ca),
      ...(usages.length === 0 ? [] : [new ExtendedKeyUsageExtension([...usages])]),
      ...(names.length === 0 ? [] : [new SubjectAlternativeNameExtension([...names])]),
    ],
  });
  return pemOf(certificate);
}

/** Another CA with the name, the serial and the subject key id of this one. */
export async function lookalike(of: string, keyPem: string): Promise<Issuer> {
  const real = new PeculiarCertificate(of);
  const keyId = real.getExtension(SubjectKeyIdentifierExtension);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: real.serialNumber,
    name: real.subjectName,
    notBefore: real.notBefore,
    notAfter: real.notAfter,
    keys: signingPair(keyPem),
    signingAlgorithm: P256,
    extensions: [new BasicConstraintsExtension(true, undefined, true), ...(keyId ? [new SubjectKeyIdentifierExtension(keyId.keyId)] : [])],
  });
  return { certificatePem: pemOf(certificate), privateKeyPem: keyPem };
}

const P256_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

/** The same certificate with the other of its two valid ECDSA signatures, (r, n - s): other bytes, another fingerprint. DER. */
export function turned(certificatePem: string): Uint8Array {
  const [content, algorithm, signature] = childrenOf(new X509Certificate(certificatePem).raw);
  if (!content || !algorithm || !signature) throw new TypeError('not a certificate');
  const [r, s] = childrenOf(contentOf(signature).subarray(1)); // behind the count of unused bits
  if (!r || !s) throw new TypeError('not an ECDSA signature');
  const other = P256_ORDER - BigInt(`0x${contentOf(s).toString('hex')}`);
  return sequence(content, algorithm, bitString(sequence(r, integer(other))));
}
