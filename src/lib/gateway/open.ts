// A gateway's API for commands on its own machine: the running one by its socket, or the same API on the data folder under its lock.
import type { FastifyInstance } from 'fastify';
import { type ApiClient, apiClient } from '../api/client.ts';
import type { Exchange } from '../api/exchange.ts';
import { localExchange } from '../api/exchange-local.ts';
import type { World } from '../base/world.ts';
import { assertCa, type DataFolder, dataFolder, loadKeys } from './data-folder.ts';
import { noGateway, serves, takeFolder } from './take-folder.ts';

export interface OpenGateway extends AsyncDisposable {
  readonly client: ApiClient;
}

interface OpenOptions {
  readonly dataDir: string;
  /** For what issues certificates where no gateway runs; a running one has its own. */
  readonly caPassphrase?: string | undefined;
  /** Only a gateway that runs can answer: the folder is left alone. */
  readonly running?: true | undefined;
}

/** Whoever may open the folder is its administrator. Errors `ca.missing`, `gateway.unreachable`, `ca.passphrase` for a wrong one, `state.locked`, `file.loose-mode`, `store.corrupt`. */
export async function openGateway({ dataDir, caPassphrase, running }: OpenOptions, world: World): Promise<OpenGateway> {
  const folder = dataFolder(dataDir);
  const remote = () => ({ client: apiClient(localExchange(folder.controlSocket, world)), async [Symbol.asyncDispose]() {} });
  if (await serves(folder, world)) return remote();
  await assertCa(folder, world.files);
  if (running) throw noGateway();
  const lock = await takeFolder(folder, world);
  return lock === undefined ? remote() : await openFolder(folder, lock, caPassphrase, world);
}

async function openFolder(folder: DataFolder, lock: AsyncDisposable, passphrase: string | undefined, world: World): Promise<OpenGateway> {
  await using starting = new AsyncDisposableStack();
  starting.use(lock);
  const keys = await loadKeys(folder, world.files, { now: world.clock.now, passphrase });
  const [{ openStore }, { startControl }, { buildApi }, { everyoneIsLocalAdmin }, { quicEndpoint }, { readConfig }] = await Promise.all([
    import('../store/open.ts'),
    import('./control/control.ts'),
    import('./control/http/server.ts'),
    import('./control/http/who-calls.ts'),
    import('./config.ts'),
    import('./config-file.ts'),
  ]);
  const stored = await readConfig(folder.config, world.files);
  const placesBefore = stored && { url: stored.public_url, quic: quicEndpoint(stored) };
  const store = starting.use(await openStore(folder.database, world));
  const control = starting.use(await startControl({ store, ca: keys.ca, keys: keys.signing, placesBefore }, world));
  const api = starting.use(await buildApi(control.context, { whoCalls: everyoneIsLocalAdmin }));
  const running = starting.move();
  return { client: apiClient(injected(api.app)), [Symbol.asyncDispose]: () => running.disposeAsync() };
}

/** The API without a socket. */
function injected(app: FastifyInstance): Exchange {
  return async ({ method, path, headers, body }) => {
    const payload = body === undefined ? {} : { payload: JSON.stringify(body) };
    const answer = await app.inject({ method, url: path, headers: { accept: 'application/json', 'content-type': 'application/json', ...headers }, ...payload });
    return {
      status: answer.statusCode,
      headers: Object.fromEntries(Object.entries(answer.headers).map(([name, value]) => [name, Array.isArray(value) ? value : String(value ?? '')])),
      body: answer.body,
    };
  };
}
