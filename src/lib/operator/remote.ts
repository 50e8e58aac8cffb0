// The gateway that this machine's operator is logged in to, through its API.
import type { ApiClient } from '../api/client.ts';
import type { World } from '../base/world.ts';
import { loadCredentials } from './credentials.ts';
import type { Credentials } from './login-file.ts';

export interface Remote {
  readonly credentials: Credentials;
  readonly client: ApiClient;
}

/** Errors `login.missing`, `file.loose-mode`, `file.corrupt`. Nothing is asked of the gateway yet. */
export async function openRemote(configDir: string, world: World): Promise<Remote> {
  const credentials = await loadCredentials(configDir, world.files);
  return { credentials, client: await remoteClient(credentials, world) };
}

/** The client is loaded here: who is not logged in need not wait for it. */
export async function remoteClient({ gateway, ca_pem, credential, tls }: Credentials, world: World): Promise<ApiClient> {
  const [{ apiClient }, { tlsExchange }, { wayOut }] = await Promise.all([
    import('../api/client.ts'),
    import('../api/exchange-tls.ts'),
    import('../streams/dial-tls.ts'),
  ]);
  return apiClient(tlsExchange({ url: gateway, trust: tls === 'public' ? 'system' : { caPem: ca_pem }, bearer: credential }, wayOut(world)));
}
