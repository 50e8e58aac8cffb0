// The gateway that this machine's operator is logged in to, through its API.
import type { ApiClient } from '../api/client.ts';
import type { World } from '../base/world.ts';
import { sha256Hex } from '../pki/certificate-facts.ts';
import { findCredentials, loadCredentials, saveCredentials } from './credentials.ts';
import type { Credentials } from './login-file.ts';

export interface Remote {
  readonly credentials: Credentials;
  readonly client: ApiClient;
}

/** Errors `login.missing`, `file.loose-mode`, `file.corrupt`. Nothing is asked of the gateway yet. */
export async function openRemote(configDir: string, world: World): Promise<Remote> {
  const credentials = await loadCredentials(configDir, world.files);
  return { credentials, client: await remoteClient(credentials, world, configDir) };
}

/**
 * The client is loaded here: who is not logged in need not wait for it. With `configDir` the login there learns of a CA that was replaced, from any answer:
 * an operator who uses it while both are accepted need not log in again.
 */
export async function remoteClient(credentials: Credentials, world: World, configDir?: string): Promise<ApiClient> {
  const [{ apiClient }, { CA_HEADER }, { tlsExchange }, { wayOut }] = await Promise.all([
    import('../api/client.ts'),
    import('../api/contract.ts'),
    import('../api/exchange-tls.ts'),
    import('../streams/dial-tls.ts'),
  ]);
  const { gateway, credential, tls } = credentials;
  const trusting = (caPem: string) => tlsExchange({ url: gateway, trust: tls === 'public' ? 'system' : { caPem }, bearer: credential }, wayOut(world));
  let caPem = credentials.ca_pem;
  let exchange = trusting(caPem);
  const learn = async (signal: AbortSignal) => {
    caPem = await apiClient(exchange).ca(signal);
    exchange = trusting(caPem);
    if (configDir === undefined) return;
    const stored = await findCredentials(configDir, world.files);
    if (stored?.credential === credential) await saveCredentials(configDir, { ...stored, ca_pem: caPem }, world.files);
  };
  return apiClient(async (request, signal) => {
    const answer = await exchange(request, signal);
    const current = answer.headers[CA_HEADER];
    if (current !== undefined && current !== sha256Hex(Buffer.from(caPem)))
      await learn(signal).catch((error: unknown) => world.log.warn({ error }, 'the new CA of the gateway could not be kept'));
    return answer;
  });
}
