// Reads a one-time string for the one who holds it: no signature can be checked there, so the aim is to say well what is wrong with a bad paste.

import { z } from 'zod';
import { TunnelError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';

export interface UnverifiedString {
  /** Without the white space around it. */
  readonly text: string;
  readonly header: Readonly<Record<string, unknown>>;
  readonly payload: Readonly<Record<string, unknown>>;
}

/** Characters of a signature: 64 bytes in base64url. */
const ES256_CHARACTERS = 86;
const Json = z.record(z.string(), z.unknown());

/** `what` names the wanted kind in errors: "an enrolment string". Error `string.malformed`; the string itself is never quoted. */
export function readUnverified(given: string, what: string): UnverifiedString {
  const text = given.trim();
  if (text === '') throw malformed('the string is empty');
  if (text.startsWith('eyJ') && /\s/.test(text)) throw malformed('the string has spaces or line breaks inside', 'Copy it as one line.');
  if (text.length > LIMITS.tokenCharacters || !/^eyJ[A-Za-z0-9_-]*(\.[A-Za-z0-9_-]*){0,2}$/.test(text)) throw malformed(`this is not ${what}`);
  const [first = '', second, signature] = text.split('.');
  const header = decode(first);
  const payload = decode(second ?? '');
  if (signature === undefined || signature === '' || header === undefined) throw truncated();
  if (payload === undefined) throw malformed('the string is damaged', 'Copy it again, whole.');
  if (header['alg'] === 'ES256' && signature.length < ES256_CHARACTERS) throw truncated();
  if (header['alg'] === 'ES256' && signature.length > ES256_CHARACTERS) throw malformed('the string has something behind its end', 'Copy it again, alone.');
  return { text, header, payload };
}

export function malformed(message: string, hint = 'Ask for a new one: tunnel token mint'): TunnelError {
  return new TunnelError('string.malformed', message, { hint });
}

/** Error `string.malformed`, naming the claim. */
export function parseClaims<Claims>(schema: z.ZodType<Claims>, payload: unknown, what: string): Claims {
  const parsed = schema.safeParse(payload);
  if (parsed.success) return parsed.data;
  const claims = [...new Set(parsed.error.issues.map(({ path }) => path.join('.')))].join(', ');
  throw malformed(`this is not ${what}: missing or malformed in it: ${claims}`);
}

function truncated(): TunnelError {
  return malformed('the string is truncated: its end is missing', 'Copy it again, whole.');
}

function decode(part: string): Readonly<Record<string, unknown>> | undefined {
  try {
    return Json.parse(JSON.parse(Buffer.from(part, 'base64url').toString('utf8')));
  } catch {
    return undefined;
  }
}
