// Makes and opens private keys, for everyone who has a certificate: ECDSA P-256, PKCS#8 in PEM.
import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { TunnelError } from '../base/errors.ts';

const makePair = promisify(generateKeyPair);

export const P256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

export async function generateKeyPem(): Promise<string> {
  const { privateKey } = await makePair('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'der' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  return privateKey;
}

/** The public half in DER, as certificates and pins hold it. Error `file.corrupt`. */
export function publicSpki(privateKeyPem: string): Uint8Array {
  return createPublicKey(openPrivateKey(privateKeyPem)).export({ type: 'spki', format: 'der' });
}

/** Error `file.corrupt`, for anything but a P-256 key: we make no other. */
export function openPrivateKey(privateKeyPem: string): KeyObject {
  let key: KeyObject;
  try {
    key = createPrivateKey(privateKeyPem);
  } catch (cause) {
    throw new TunnelError('file.corrupt', 'this is not a private key in PEM', { cause });
  }
  if (key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') throw new TunnelError('file.corrupt', 'this private key is not ECDSA P-256');
  return key;
}

/** For @peculiar/x509, which signs by Web Crypto. Error `file.corrupt`. */
export function signingPair(privateKeyPem: string): CryptoKeyPair {
  const key = openPrivateKey(privateKeyPem);
  return { privateKey: key.toCryptoKey(P256, false, ['sign']), publicKey: createPublicKey(key).toCryptoKey(P256, true, ['verify']) };
}
