// Certificates for transport tests: a CA, and leaves as right or wrong as a test wants them.
import 'reflect-metadata';
import { createHash, X509Certificate as NodeCertificate, webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import type { LinkCredentials } from '../../src/lib/transport/link.ts';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const DAY_MS = 86_400_000;
export const V2_FIRST = ['gw-agent-tunnel/2', 'gw-agent-tunnel/1'];

export interface TestCa {
  readonly certificatePem: string;
  issue(wish?: LeafWish): Promise<TestLeaf>;
}

export interface LeafWish {
  readonly purpose?: 'server' | 'client' | 'none';
  readonly commonName?: string;
  readonly sans?: x509.JsonGeneralNames;
  readonly validFrom?: Date;
  readonly validTo?: Date;
  readonly isCa?: boolean;
}

export interface TestLeaf {
  readonly certificatePem: string;
  readonly privateKeyPem: string;
  readonly der: Uint8Array;
  readonly spki: string;
  credentials(trustedCaPem?: string, alpn?: readonly string[]): LinkCredentials;
}

export async function makeTestCa(): Promise<TestCa> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=test CA',
    keys,
    signingAlgorithm: ALGORITHM,
    notBefore: new Date(Date.now() - DAY_MS),
    notAfter: new Date(Date.now() + 10 * DAY_MS),
    extensions: [new x509.BasicConstraintsExtension(true, undefined, true), await x509.SubjectKeyIdentifierExtension.create(keys.publicKey)],
  });
  const certificatePem = pem(ca);

  async function issue(wish: LeafWish = {}): Promise<TestLeaf> {
    const leafKeys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
    const { purpose = 'client', sans = [{ type: 'url', value: 'urn:uuid:6f1c9a9e-0000-4000-8000-000000000001' }] } = wish;
    const extensions: x509.Extension[] = [];
    if (sans.length > 0) extensions.push(new x509.SubjectAlternativeNameExtension(sans));
    if (purpose !== 'none')
      extensions.push(new x509.ExtendedKeyUsageExtension([purpose === 'server' ? x509.ExtendedKeyUsage.serverAuth : x509.ExtendedKeyUsage.clientAuth]));
    if (wish.isCa) extensions.push(new x509.BasicConstraintsExtension(true, undefined, true));
    const leaf = await x509.X509CertificateGenerator.create({
      subject: `CN=${wish.commonName ?? 'leaf'}`,
      issuer: ca.subject,
      publicKey: leafKeys.publicKey,
      signingKey: keys.privateKey,
      signingAlgorithm: ALGORITHM,
      notBefore: wish.validFrom ?? new Date(Date.now() - 5 * 60_000),
      notAfter: wish.validTo ?? new Date(Date.now() + DAY_MS),
      extensions,
    });
    const privateKeyPem = x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', leafKeys.privateKey), 'PRIVATE KEY');
    const der = new Uint8Array(leaf.rawData);
    const spki = createHash('sha256')
      .update(new NodeCertificate(der).publicKey.export({ type: 'spki', format: 'der' }))
      .digest('hex');
    const credentials = (trustedCaPem = certificatePem, alpn: readonly string[] = V2_FIRST) => ({
      certificatePem: pem(leaf),
      privateKeyPem,
      trustedCaPem,
      alpn,
    });
    return { certificatePem: pem(leaf), privateKeyPem, der, spki, credentials };
  }

  return { certificatePem, issue };
}

/** For a gateway that tests reach as 127.0.0.1 or `gateway.test`. */
export const GATEWAY_SANS: x509.JsonGeneralNames = [
  { type: 'dns', value: 'gateway.test' },
  { type: 'ip', value: '127.0.0.1' },
];

function pem(certificate: x509.X509Certificate): string {
  return `${certificate.toString('pem')}\n`;
}
