// The certificate authority of one gateway, opened for issuing. Does not load @peculiar/x509, which a gateway at rest does not need: leaf.ts does.
import { X509Certificate } from 'node:crypto';
import { TunnelError } from '../base/errors.ts';
import { type CertificateFacts, certificateFacts } from './certificate-facts.ts';
import { openPrivateKey, signingPair } from './keys.ts';

/** A clock a little behind ours must not refuse what we have just issued. */
export const BACKDATED_MS = 5 * 60_000;

export interface Authority extends CertificateFacts {
  readonly certificatePem: string;
  readonly signingKey: CryptoKey;
}

/** Error `file.corrupt`: no CA certificate, or the key of another one. */
export async function loadAuthority(certificatePem: string, privateKeyPem: string): Promise<Authority> {
  const key = openPrivateKey(privateKeyPem);
  const parsed = parseCa(certificatePem);
  if (!parsed.ca) throw new TunnelError('file.corrupt', 'the CA certificate is not one of a CA');
  if (!parsed.checkPrivateKey(key)) throw new TunnelError('file.corrupt', 'the CA key does not belong to the CA certificate');
  return { ...certificateFacts(parsed), certificatePem, signingKey: signingPair(privateKeyPem).privateKey };
}

function parseCa(certificatePem: string): X509Certificate {
  try {
    return new X509Certificate(certificatePem);
  } catch (cause) {
    throw new TunnelError('file.corrupt', 'the CA certificate is not a certificate in PEM', { cause });
  }
}
