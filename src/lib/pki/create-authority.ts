// Makes the certificate authority of a gateway, and has what everything that we sign has in common. Loads @peculiar/x509: import it where it is used.
import 'reflect-metadata';
import { randomBytes } from 'node:crypto';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Name,
  PublicKey,
  SubjectKeyIdentifierExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { BACKDATED_MS } from './authority.ts';
import { generateKeyPem, P256, signingPair } from './keys.ts';

/** A new self-signed CA (RFC 5280 4.2.1.9, 4.2.1.3) with a new key. Times in ms. */
export async function createAuthority({
  commonName,
  now,
  lifetimeMs,
}: {
  /** The text of a CN, or the whole name of the CA that it follows. */
  commonName: string | Name;
  now: number;
  lifetimeMs: number;
}): Promise<{ certificatePem: string; privateKeyPem: string }> {
  const privateKeyPem = await generateKeyPem();
  const keys = signingPair(privateKeyPem);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: randomSerial(),
    name: typeof commonName === 'string' ? commonNameOf(commonName) : commonName,
    notBefore: new Date(now - BACKDATED_MS),
    notAfter: new Date(now + lifetimeMs),
    signingAlgorithm: P256,
    keys,
    extensions: await extensionsOfCa(await PublicKey.create(keys.publicKey)),
  });
  return { certificatePem: pemOf(certificate), privateKeyPem };
}

/** What makes a certificate one of a CA, for the one that signs itself and for the one that another signs. */
export async function extensionsOfCa(publicKey: PublicKey): Promise<Extension[]> {
  return [
    new BasicConstraintsExtension(true, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    await SubjectKeyIdentifierExtension.create(publicKey),
  ];
}

/** Two CAs of one name live side by side while the CA is rotated; this tells a verifier which of them signed. One that came from elsewhere may count its key's id in its own way. */
export async function issuedBy(ca: X509Certificate): Promise<Extension> {
  const id = ca.getExtension(SubjectKeyIdentifierExtension)?.keyId;
  return id === undefined ? await AuthorityKeyIdentifierExtension.create(ca.publicKey) : new AuthorityKeyIdentifierExtension(id);
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
