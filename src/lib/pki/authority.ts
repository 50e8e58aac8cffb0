// The certificate authority of one gateway: makes it, and opens it for issuing. Loads @peculiar/x509 (79 ms): import it where it is used.
import 'reflect-metadata';
import { X509Certificate as NodeCertificate, randomBytes } from 'node:crypto';
import {
  BasicConstraintsExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Name,
  PublicKey,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { TunnelError } from '../base/errors.ts';
import { type CertificateFacts, certificateFacts } from './certificate-facts.ts';
import { generateKeyPem, openPrivateKey, P256, signingPair } from './keys.ts';

/** A clock a little behind ours must not refuse what we have just issued. */
export const BACKDATED_MS = 5 * 60_000;

export interface Authority extends CertificateFacts {
  readonly certificatePem: string;
  /** The parsed certificate and its key, for leaf.ts. */
  readonly certificate: X509Certificate;
  readonly signingKey: CryptoKey;
}

/** A new self-signed CA (RFC 5280 4.2.1.9, 4.2.1.3) with a new key. Times in ms. */
export async function createAuthority({
  commonName,
  now,
  lifetimeMs,
}: {
  commonName: string;
  now: number;
  lifetimeMs: number;
}): Promise<{ certificatePem: string; privateKeyPem: string }> {
  const privateKeyPem = await generateKeyPem();
  const keys = signingPair(privateKeyPem);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: randomSerial(),
    name: commonNameOf(commonName),
    notBefore: new Date(now - BACKDATED_MS),
    notAfter: new Date(now + lifetimeMs),
    signingAlgorithm: P256,
    keys,
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(await PublicKey.create(keys.publicKey)),
    ],
  });
  return { certificatePem: pemOf(certificate), privateKeyPem };
}

/** Error `file.corrupt`: no CA certificate, or the key of another one. */
export async function loadAuthority(certificatePem: string, privateKeyPem: string): Promise<Authority> {
  const key = openPrivateKey(privateKeyPem);
  const parsed = parseCa(certificatePem);
  if (!parsed.ca) throw new TunnelError('file.corrupt', 'the CA certificate is not one of a CA');
  if (!parsed.checkPrivateKey(key)) throw new TunnelError('file.corrupt', 'the CA key does not belong to the CA certificate');
  return {
    ...certificateFacts(parsed),
    certificatePem,
    certificate: new X509Certificate(Uint8Array.from(parsed.raw)),
    signingKey: signingPair(privateKeyPem).privateKey,
  };
}

function parseCa(certificatePem: string): NodeCertificate {
  try {
    return new NodeCertificate(certificatePem);
  } catch (cause) {
    throw new TunnelError('file.corrupt', 'the CA certificate is not a certificate in PEM', { cause });
  }
}

/** 128 random bits (RFC 5280 4.1.2.2 allows 20 bytes), in hex. */
export function randomSerial(): string {
  return randomBytes(16).toString('hex');
}

/** CN only, as UTF8String: the text is a value here, never a distinguished name to be parsed. */
export function commonNameOf(text: string): Name {
  return new Name([{ CN: [{ utf8String: text }] }]);
}

/** One line end of one kind, and a final one: what version 1 peers send and expect. */
export function pemOf(encoded: { toString(format: 'pem'): string }): string {
  return `${encoded.toString('pem').replaceAll('\r\n', '\n').trimEnd()}\n`;
}
