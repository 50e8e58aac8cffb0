// The CA that follows another: how peers that know only one of the two get on with the gateway in between (docs/adr/0009). Loads @peculiar/x509: import it where it is used.
import 'reflect-metadata';
import { X509Certificate, X509CertificateGenerator } from '@peculiar/x509';
import { type Authority, BACKDATED_MS } from './authority.ts';
import { createAuthority, extensionsOfCa, issuedBy, pemOf, randomSerial } from './create-authority.ts';
import { signatureOf } from './keys.ts';

export interface Successor {
  /**
   * The new CA; the CA before it, signed anew by its own key so that it ends with the window; and the new CA as signed by the one before.
   * Only the first where the CA before has ended already.
   */
  readonly caPem: string;
  readonly privateKeyPem: string;
}

interface Term {
  readonly now: number;
  /** Of the new CA, ms. */
  readonly lifetimeMs: number;
  /** How long the CA before is accepted; never beyond its own end. */
  readonly windowMs: number;
}

/** Same name, new key. After this nobody needs the key before. Error `ca.passphrase`. */
export async function createSuccessor(before: Authority, { now, lifetimeMs, windowMs }: Term): Promise<Successor> {
  const old = new X509Certificate(before.certificatePem);
  const made = await createAuthority({ commonName: old.subjectName, now, lifetimeMs });
  const next = new X509Certificate(made.certificatePem);
  const endsAt = Math.floor(Math.min(now + windowMs, before.notAfter) / 1000) * 1000;
  if (endsAt <= now) return { caPem: pemOf(next), privateKeyPem: made.privateKeyPem };
  const signed = {
    subject: old.subjectName,
    issuer: old.subjectName,
    notAfter: new Date(endsAt),
    signingKey: before.signingKey,
    signingAlgorithm: signatureOf(before.signingKey),
  };
  const ending = await X509CertificateGenerator.create({
    ...signed,
    serialNumber: randomSerial(),
    notBefore: old.notBefore,
    publicKey: old.publicKey,
    extensions: old.extensions,
  });
  // Subject and issuer are the same name: RFC 5280 4.2.1.9 does not count such a certificate against a limit to the path.
  const cross = await X509CertificateGenerator.create({
    ...signed,
    serialNumber: randomSerial(),
    notBefore: new Date(now - BACKDATED_MS),
    publicKey: next.publicKey,
    extensions: [...(await extensionsOfCa(next.publicKey)), await issuedBy(old)],
  });
  return { caPem: [next, ending, cross].map(pemOf).join(''), privateKeyPem: made.privateKeyPem };
}
