// The gateway that this machine's operator is logged in to, through its API.
import { type ApiClient, apiClient } from '../api/client.ts';
import { tlsExchange } from '../api/exchange-tls.ts';
import type { World } from '../base/world.ts';
import { type Credentials, loadCredentials } from './credentials.ts';

export interface Remote {
  readonly credentials: Credentials;
  readonly client: ApiClient;
}

/** Errors `login.missing`, `file.loose-mode`, `file.corrupt`. Nothing is asked of the gateway yet. */
export async function openRemote(configDir: string, world: World): Promise<Remote> {
  const credentials = await loadCredentials(configDir, world.files);
  return { credentials, client: remoteClient(credentials, world) };
}

export function remoteClient({ gateway, ca_pem, credential, tls }: Credentials, world: World): ApiClient {
  return apiClient(tlsExchange({ url: gateway, trust: tls === 'public' ? 'system' : { caPem: ca_pem }, bearer: credential }, world));
}
