// A gateway's API for commands on its own machine: the running one by its socket, or the same API on the data folder under its lock.
import type { FastifyInstance } from 'fastify';
import { type ApiClient, apiClient } from '../api/client.ts';
import type { Exchange } from '../api/exchange.ts';
import { localExchange } from '../api/exchange-local.ts';
import { TunnelError } from '../base/errors.ts';
import type { World } from '../base/world.ts';
import { assertCa, type DataFolder, dataFolder, loadKeys, lockFolder } from './data-folder.ts';

/** A gateway that is just starting or stopping, or another command, holds the lock for a moment. */
const LOCK_WAIT_MS = 5000;
const LOCK_RETRY_MS = 50;

export interface OpenGateway extends AsyncDisposable {
  readonly client: ApiClient;
}

interface OpenOptions {
  readonly dataDir: string;
  /** For what issues certificates where no gateway runs; a running one has its own. */
  readonly caPassphrase?: string | undefined;
}

/** Whoever may open the folder is its administrator. Errors `ca.missing`, `ca.passphrase` for a wrong one, `state.locked`, `file.loose-mode`, `store.corrupt`. */
export async function openGateway({ dataDir, caPassphrase }: OpenOptions, world: World): Promise<OpenGateway> {
  const folder = dataFolder(dataDir);
  const { clock } = world;
  const giveUpAt = clock.monotonic() + LOCK_WAIT_MS;
  for (;;) {
    if (await answers(folder.controlSocket, world)) return { client: apiClient(localExchange(folder.controlSocket, world)), async [Symbol.asyncDispose]() {} };
    try {
      return await openFolder(folder, caPassphrase, world);
    } catch (error) {
      if (!(error instanceof TunnelError) || error.code !== 'state.locked' || clock.monotonic() >= giveUpAt) throw error;
      await clock.sleep(LOCK_RETRY_MS);
    }
  }
}

async function answers(path: string, { net }: World): Promise<boolean> {
  try {
    const socket = await net.connect({ path }, new AbortController().signal);
    socket.destroy();
    return true;
  } catch {
    return false; // no gateway runs, or none that takes connections
  }
}

async function openFolder(folder: DataFolder, passphrase: string | undefined, world: World): Promise<OpenGateway> {
  await assertCa(folder, world.files);
  await using starting = new AsyncDisposableStack();
  starting.use(await lockFolder(folder, world.files));
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
