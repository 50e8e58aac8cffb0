// Turns a login string into a login, and ends one: first contact by pin, the string sent only to a gateway that has proved itself.
import { apiClient } from '../api/client.ts';
import { fetchPinnedCa, type Trust, tlsExchange } from '../api/exchange-tls.ts';
import { mayBeSpent } from '../api/may-be-spent.ts';
import { TunnelError } from '../base/errors.ts';
import type { World } from '../base/world.ts';
import { wayOut } from '../streams/dial-tls.ts';
import { type ReadableLogin, readLogin } from '../tokens/login-string.ts';
import { hashSecret } from '../tokens/secret.ts';
import { credentialFor, dropCredentials, dropPending, loadCredentials, prepareFolder, saveCredentials } from './credentials.ts';
import type { Credentials } from './login-file.ts';
import { remoteClient } from './remote.ts';
import { tryFor } from './try-for.ts';

export interface LoginOptions {
  readonly token: string;
  readonly configDir: string;
  /** How long to try again while the gateway is not there yet. */
  readonly waitMs: number;
}

/**
 * Replaces a login that was there; the same string again, soon after, finishes what was cut short. A failure leaves the login before it in force.
 * Errors `string.malformed`, `string.refused`, `pin.mismatch`, `gateway.unreachable`, `state.locked`, `file.failed`.
 */
export async function login({ token, configDir, waitMs }: LoginOptions, world: World, signal: AbortSignal): Promise<Credentials> {
  const { files } = world;
  const string = readLogin(token);
  const stringSha256 = hashSecret(string.text);
  await using _folder = await prepareFolder(configDir, world, signal); // before the string is spent
  const trust = await tryFor(waitMs, () => trustFor(string, world, signal), world.clock, signal);
  const made = await credentialFor(configDir, stringSha256, files);
  const client = apiClient(tlsExchange({ url: string.gatewayUrl, trust, bearer: string.text }, wayOut(world)));
  const answer = await client.login({ credential_sha256: hashSecret(made) }, signal).catch(async (error: unknown) => {
    if (!mayBeSpent(error, signal)) await dropPending(configDir, files);
    throw error;
  });
  const credentials: Credentials = { ...answer, credential: made, tls: string.tls, logged_in_with: stringSha256 };
  await saveCredentials(configDir, credentials, files);
  return credentials;
}

async function trustFor({ gatewayUrl, caSpkiSha256, tls }: ReadableLogin, world: World, signal: AbortSignal): Promise<Trust> {
  return tls === 'public' ? 'system' : { caPem: await fetchPinnedCa(gatewayUrl, caSpkiSha256, wayOut(world), signal) };
}

/** The login goes from this machine in any case. Rejects when the gateway could not be told; a credential that it refuses is as good as ended. */
export async function logout(configDir: string, world: World, signal: AbortSignal): Promise<Credentials> {
  const credentials = await loadCredentials(configDir, world.files);
  await dropCredentials(configDir, world.files);
  try {
    const client = await remoteClient(credentials, world);
    await client.logout(signal);
  } catch (error) {
    if (!(error instanceof TunnelError)) throw error;
    if (error.code === 'login.refused') return credentials;
    const hint = `The login is gone from this machine. The gateway was not told: there it ends at ${credentials.expires_at}, or when an administrator locks it.`;
    throw new TunnelError(error.code, error.message, { hint, cause: error });
  }
  return credentials;
}
