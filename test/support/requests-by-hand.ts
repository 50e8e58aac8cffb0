// Certificate requests written by hand (RFC 2986): any key, any wishes, any signature, or bytes that are none.
import 'reflect-metadata';
import { createPublicKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
} from '@peculiar/x509';
import { commonNameOf } from '../../src/lib/pki/create-authority.ts';
import { bitString, element, integer, objectId, sequence, set } from './der.ts';

const EXTENSION_REQUEST = '1.2.840.113549.1.9.14';
/** Microsoft's way to ask for a validity. */
const VALIDITY_PERIOD = '1.3.6.1.4.1.311.13.2.1';
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';

export interface Request {
  readonly key: KeyObject;
  /** What is signed with, if not with `key`. */
  readonly signer?: KeyObject;
  readonly spki?: Uint8Array;
  readonly subject?: Uint8Array;
  readonly attributes?: readonly Uint8Array[];
  readonly signature?: Uint8Array;
  readonly trailing?: Uint8Array;
}

export function requestDer({ key, signer = key, spki, subject = nameOf('web1'), attributes = [], signature, trailing = Buffer.of() }: Request): Buffer {
  const publicKey = spki ?? createPublicKey(key).export({ type: 'spki', format: 'der' });
  const info = sequence(integer(0n), subject, publicKey, element(0xa0, ...attributes));
  const [algorithm, digest] = algorithmOf(signer);
  return Buffer.concat([sequence(info, algorithm, bitString(signature ?? sign(digest, info, signer))), trailing]);
}

export function nameOf(...commonNames: readonly string[]): Buffer {
  return Buffer.concat([sequence(...commonNames.map((name) => Buffer.from(commonNameOf(name).toArrayBuffer()).subarray(2)))]);
}

/** Everything that a request may wish for and must not get. */
export function wishes(): Uint8Array[] {
  const extensions: Extension[] = [
    new SubjectAlternativeNameExtension([
      { type: 'dns', value: 'gw.example' },
      { type: 'url', value: 'urn:uuid:00112233-4455-4677-8899-aabbccddeeff' },
      { type: 'ip', value: '127.0.0.1' },
    ]),
    new BasicConstraintsExtension(true, 5, true),
    new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign | KeyUsageFlags.keyEncipherment, true),
    new ExtendedKeyUsageExtension([SERVER_AUTH, '2.5.29.37.0']),
  ];
  const century = sequence(utcTime('20000101000000Z'), utcTime('21260101000000Z'));
  return [
    sequence(objectId(EXTENSION_REQUEST), set(sequence(...extensions.map(({ rawData }) => Buffer.from(rawData))))),
    sequence(objectId(VALIDITY_PERIOD), set(century)),
  ];
}

export function asPem(der: Uint8Array, label = 'CERTIFICATE REQUEST'): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

export const ecKey = (namedCurve: string, paramEncoding: 'named' | 'explicit' = 'named'): KeyObject =>
  generateKeyPairSync('ec', { namedCurve, paramEncoding }).privateKey;
export const rsaKey = (modulusLength: number, publicExponent = 65_537): KeyObject => generateKeyPairSync('rsa', { modulusLength, publicExponent }).privateKey;

/** Of an RSA key of so many bits that nobody has the time to make: the modulus is any odd number. */
export function hugeRsaSpki(bits: number, exponent = 65_537n): Buffer {
  const modulus = randomBytes(bits / 8);
  modulus[0] = (modulus[0] ?? 0) | 0x80;
  modulus[modulus.length - 1] = (modulus.at(-1) ?? 0) | 1;
  const key = sequence(integer(BigInt(`0x${modulus.toString('hex')}`)), integer(exponent));
  return sequence(sequence(objectId('1.2.840.113549.1.1.1'), element(0x05)), bitString(key));
}

function algorithmOf({ asymmetricKeyType }: KeyObject): readonly [Buffer, string | null] {
  if (asymmetricKeyType === 'rsa') return [sequence(objectId('1.2.840.113549.1.1.11'), element(0x05)), 'sha256'];
  if (asymmetricKeyType === 'ed25519') return [sequence(objectId('1.3.101.112')), null];
  if (asymmetricKeyType === 'ed448') return [sequence(objectId('1.3.101.113')), null];
  return [sequence(objectId('1.2.840.10045.4.3.2')), 'sha256'];
}

function utcTime(text: string): Buffer {
  return element(0x18, Buffer.from(text));
}
