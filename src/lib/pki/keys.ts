// Makes and opens private keys, for everyone who has a certificate: ECDSA P-256, PKCS#8 in PEM; the key of a CA that came from elsewhere may be P-384, and encrypted.
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

/** The curves that the key of a CA may lie on, as OpenSSL calls them, with the hash that goes with each (RFC 5758 3.2). */
const CA_CURVES: Readonly<Record<string, { readonly namedCurve: string; readonly hash: string }>> = {
  prime256v1: { namedCurve: 'P-256', hash: 'SHA-256' },
  secp384r1: { namedCurve: 'P-384', hash: 'SHA-384' },
};

/** ECDSA P-256 or P-384. Errors `file.corrupt`; `ca.passphrase` where the passphrase is not the one that it was encrypted with. */
export function openCaKey(privateKeyPem: string, passphrase?: string): KeyObject {
  let key: KeyObject;
  try {
    key = createPrivateKey({ key: privateKeyPem, ...(passphrase !== undefined && { passphrase }) });
  } catch (cause) {
    if (/^-----BEGIN ENCRYPTED|^Proc-Type: 4,ENCRYPTED/m.test(privateKeyPem)) {
      throw new TunnelError('ca.passphrase', 'the passphrase does not open the key of the CA', { hint: 'Name the file that it was encrypted with.', cause });
    }
    throw new TunnelError('file.corrupt', 'this is not a private key in PEM', { cause });
  }
  const { namedCurve, modulusLength } = key.asymmetricKeyDetails ?? {};
  if (CA_CURVES[namedCurve ?? '']) return key;
  const found = modulusLength ? `RSA with ${modulusLength} bits` : (namedCurve ?? key.asymmetricKeyType);
  throw new TunnelError('file.corrupt', `the key of a CA must be ECDSA P-256 or P-384, this one is ${found}`);
}

/** PKCS#8, encrypted (PBES2) where there is a passphrase. */
export function sealKey(key: KeyObject, passphrase: string | undefined): string {
  const format = { type: 'pkcs8', format: 'pem' } as const;
  return String(key.export(passphrase === undefined ? format : { ...format, cipher: 'aes-256-cbc', passphrase }));
}

/** The key of a CA, for @peculiar/x509. */
export function signingKeyOf(key: KeyObject): CryptoKey {
  const { namedCurve = 'P-256' } = CA_CURVES[key.asymmetricKeyDetails?.namedCurve ?? ''] ?? {};
  return key.toCryptoKey({ name: 'ECDSA', namedCurve }, false, ['sign']);
}

/** How it signs. @peculiar/x509 takes the hash from here, not from the key. */
export function signatureOf({ algorithm }: CryptoKey): { readonly name: 'ECDSA'; readonly hash: string } {
  const { hash = 'SHA-256' } = Object.values(CA_CURVES).find(({ namedCurve }) => 'namedCurve' in algorithm && algorithm.namedCurve === namedCurve) ?? {};
  return { name: 'ECDSA', hash };
}

/** For @peculiar/x509, which signs by Web Crypto. Error `file.corrupt`. */
export function signingPair(privateKeyPem: string): CryptoKeyPair {
  const key = openPrivateKey(privateKeyPem);
  return { privateKey: key.toCryptoKey(P256, false, ['sign']), publicKey: createPublicKey(key).toCryptoKey(P256, true, ['verify']) };
}
