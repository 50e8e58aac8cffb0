// Any string that a gateway minted, read without verifying it: what it is and for whom, for `tunnel token inspect`.
import { readEnrolment } from './enrolment-string.ts';
import { readLogin } from './login-string.ts';
import { readUnverified } from './unverified.ts';

export interface ReadableString {
  readonly text: string;
  readonly kind: 'agent' | 'operator' | 'admin';
  readonly name: string;
  readonly gatewayUrl: string;
  /** Undefined in strings of a stock gateway. */
  readonly caSpkiSha256: string | undefined;
  readonly quicEndpoint: string | undefined;
  readonly tls: 'tunnel' | 'public';
  /** Ms since 1970. */
  readonly expiresAt: number | undefined;
}

/** Error `string.malformed`. */
export function readAnyString(given: string): ReadableString {
  if (readUnverified(given, 'a string of tunnel token mint').header['cty'] === 'LOGIN') return { ...readLogin(given), quicEndpoint: undefined };
  const { agentName, quicEndpoint, ...enrolment } = readEnrolment(given);
  return { ...enrolment, quicEndpoint, kind: 'agent', name: agentName };
}
