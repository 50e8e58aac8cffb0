// Turns a login string into a login, and ends one: first contact by pin, the string sent only to a gateway that has proved itself.
import { apiClient } from '../api/client.ts';
import { fetchPinnedCa, type Trust, tlsExchange } from '../api/exchange-tls.ts';
import { TunnelError } from '../base/errors.ts';
import type { World } from '../base/world.ts';
import { wayOut } from '../streams/dial-tls.ts';
import { type ReadableLogin, readLogin } from '../tokens/login-string.ts';
import { dropCredentials, loadCredentials, prepareFolder, saveCredentials } from './credentials.ts';
import type { Credentials } from './login-file.ts';
import { remoteClient } from './remote.ts';
import { tryFor } from './try-for.ts';

export interface LoginOptions {
  readonly token: string;
  readonly configDir: string;
  /** How long to try again while the gateway is not there yet. */
  readonly waitMs: number;
}

/** Replaces a login that was there. Errors `string.malformed`, `string.refused`, `pin.mismatch`, `gateway.unreachable`, `state.locked`, `file.failed`. */
export async function login({ token, configDir, waitMs }: LoginOptions, world: World, signal: AbortSignal): Promise<Credentials> {
  const string = readLogin(token);
  await using _folder = await prepareFolder(configDir, world, signal); // before the string is spent
  const trust = await tryFor(waitMs, () => trustFor(string, world, signal), world.clock, signal);
  const answer = await apiClient(tlsExchange({ url: string.gatewayUrl, trust, bearer: string.text }, wayOut(world))).login(signal);
  const { gateway, ca_pem, operator, kind, credential, expires_at } = answer;
  const credentials: Credentials = { gateway, ca_pem, operator, kind, credential, expires_at, tls: string.tls };
  await saveCredentials(configDir, credentials, world.files);
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
    if (!(error instanceof TunnelError) || error.code !== 'login.refused') throw error;
  }
  return credentials;
}
