// The one line that a new agent needs: a one-time token of control which stock version 1 agents read too (reference.md, 2); what is ours are further claims.
import { z } from 'zod';
import { nameClaim, pinClaim, secondsClaim, tlsClaim, urlClaim, uuidClaim } from './claim-shapes.ts';
import { type Purpose, sign, type Times, verify } from './jws.ts';
import type { SigningKey, VerifyingKey } from './signing-keys.ts';
import { malformed, parseClaims, readUnverified } from './unverified.ts';

const PURPOSE: Purpose = {
  cty: 'ENROLLMENT',
  audience: 'tunnel:enrolment',
  keyed: false,
  refusal: { code: 'string.refused', message: 'the enrolment string is unknown, used, revoked or expired' },
};
const WHAT = 'an enrolment string';

const Readable = z.object({
  jet_gw_url: urlClaim,
  jet_agent_name: nameClaim,
  exp: secondsClaim.optional(),
  ca_spki_sha256: pinClaim.optional(),
  quic_endpoint: z
    .string()
    .max(300)
    .regex(/^[^\s:/]+:\d{1,5}$|^\[[0-9A-Fa-f:.]+\]:\d{1,5}$/)
    .optional(),
  tls: tlsClaim.optional(),
});
const Verified = z.object({ ...Readable.shape, jti: uuidClaim, exp: secondsClaim, ca_spki_sha256: pinClaim, tls: tlsClaim });

export interface EnrolmentClaims {
  /** The `jti`: which row of the store is spent. */
  readonly tokenId: string;
  readonly gatewayUrl: string;
  readonly agentName: string;
  readonly caSpkiSha256: string;
  /** host:port, where agents shall dial something else than the gateway's answer says. */
  readonly quicEndpoint?: string | undefined;
  readonly tls: 'tunnel' | 'public';
}

/** What an agent learns. A string of a stock gateway holds no pin: its API is verified against the system's roots. */
export interface ReadableEnrolment extends Omit<EnrolmentClaims, 'tokenId' | 'caSpkiSha256'> {
  /** The string as it is sent. */
  readonly text: string;
  readonly caSpkiSha256: string | undefined;
  /** Ms since 1970. */
  readonly expiresAt: number | undefined;
}

export function mintEnrolment(claims: EnrolmentClaims, key: SigningKey, times: Times): Promise<string> {
  return sign(
    PURPOSE,
    {
      jti: claims.tokenId,
      jet_gw_url: claims.gatewayUrl,
      jet_agent_name: claims.agentName,
      ca_spki_sha256: claims.caSpkiSha256,
      quic_endpoint: claims.quicEndpoint,
      tls: claims.tls,
    },
    key,
    times,
  );
}

/** Verifies nothing. Error `string.malformed`. */
export function readEnrolment(given: string): ReadableEnrolment {
  const { text, header, payload } = readUnverified(given, WHAT);
  const type = payload['type'];
  if (header['cty'] === 'LOGIN') throw malformed('this is a login string, not an enrolment string', 'Operators use it: tunnel login --token-file FILE');
  if (header['cty'] !== PURPOSE.cty && !(header['cty'] === undefined && typeof type === 'string' && /^enrollment$/i.test(type)))
    throw malformed(`this is not ${WHAT}`);
  const claims = parseClaims(Readable, payload, WHAT);
  const tls = claims.tls ?? (claims.ca_spki_sha256 === undefined ? 'public' : 'tunnel');
  if (tls === 'tunnel' && claims.ca_spki_sha256 === undefined) throw malformed(`this is not ${WHAT}: it has no pin of the gateway's CA`);
  return {
    text,
    gatewayUrl: claims.jet_gw_url,
    agentName: claims.jet_agent_name,
    caSpkiSha256: claims.ca_spki_sha256,
    quicEndpoint: claims.quic_endpoint,
    tls,
    expiresAt: claims.exp === undefined ? undefined : claims.exp * 1000,
  };
}

/** Signature, purpose and times; whether it was spent is for the store to say. Error `string.refused`, the same for every reason. */
export async function verifyEnrolment(text: string, keys: readonly VerifyingKey[], now: number): Promise<EnrolmentClaims> {
  const claims = await verify(PURPOSE, Verified, text, keys, { now });
  return {
    tokenId: claims.jti,
    gatewayUrl: claims.jet_gw_url,
    agentName: claims.jet_agent_name,
    caSpkiSha256: claims.ca_spki_sha256,
    quicEndpoint: claims.quic_endpoint,
    tls: claims.tls,
  };
}
