// What a string is, for whom and what is left of it, without spending it: read on this machine, and told by its gateway where that can be asked.
import type { TokenRow } from '../api/tokens.ts';
import { type Kind, TunnelError } from '../base/errors.ts';
import type { World } from '../base/world.ts';
import { readAnyString } from '../tokens/any-string.ts';
import { hashSecret } from '../tokens/secret.ts';
import { type AccessOptions, openAccess } from './open.ts';

export interface InspectedString {
  readonly kind: TokenRow['kind'];
  readonly name: string;
  readonly gateway: string;
  /** Null in strings of a stock gateway. */
  readonly ca_spki_sha256: string | null;
  readonly tls: 'tunnel' | 'public';
  readonly quic_endpoint: string | null;
  /** RFC 3339. */
  readonly expires_at: string | null;
  /** `unknown`: the gateway that was asked did not mint it. Null: none told it. */
  readonly state: TokenRow['state'] | 'unknown' | null;
  /** Why no gateway told its state. */
  readonly not_told: string | null;
  /** As the gateway knows it. */
  readonly token: TokenRow | null;
}

/** How the API is asked about a string: by its hash, so that the string itself stays here. Error `string.malformed`. */
export function whichString(string: string): string {
  return `sha256:${hashSecret(readAnyString(string).text)}`;
}

/** A named folder must answer; a login that does not only leaves more unsaid. Errors `string.malformed`, and those of `openAccess` with a folder. */
export async function inspectString(string: string, options: AccessOptions, world: World, signal: AbortSignal): Promise<InspectedString> {
  const { kind, name, gatewayUrl, caSpkiSha256, tls, quicEndpoint, expiresAt } = readAnyString(string);
  return {
    kind,
    name,
    gateway: gatewayUrl,
    ca_spki_sha256: caSpkiSha256 ?? null,
    tls,
    quic_endpoint: quicEndpoint ?? null,
    expires_at: expiresAt === undefined ? null : new Date(expiresAt).toISOString(),
    ...(await askGateway(whichString(string), options, world, signal)),
  };
}

type Told = Pick<InspectedString, 'state' | 'not_told' | 'token'>;

/** What may be wrong with a login or the way to its gateway; anything else is an error. */
const MAY_FAIL: readonly Kind[] = ['unauthenticated', 'forbidden', 'unreachable', 'timeout', 'limited'];

async function askGateway(which: string, options: AccessOptions, world: World, signal: AbortSignal): Promise<Told> {
  try {
    await using access = await openAccess(options, world);
    const [token] = (await access.client.findTokens(which, signal)).tokens;
    return { state: token?.state ?? 'unknown', not_told: null, token: token ?? null };
  } catch (error) {
    if (!(error instanceof TunnelError)) throw error;
    if (error.code === 'token.unknown') return { state: 'unknown', not_told: null, token: null };
    if (options.dataDir !== undefined || !MAY_FAIL.includes(error.kind)) throw error;
    return { state: null, not_told: error.message, token: null };
  }
}
