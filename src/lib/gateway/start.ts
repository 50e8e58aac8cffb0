// Starts a gateway on its data folder: lock, keys, store, control, edge, API, and last the door; closing goes the other way round.
import { TunnelError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { VERSION } from '../base/version.ts';
import type { World } from '../base/world.ts';
import { openStore } from '../store/open.ts';
import {
  connectEndpoint,
  formatListen,
  type GatewayFlags,
  proxyUrl,
  quicEndpoint,
  readConfig,
  serverNames,
  settledConfig,
  type WantedConfig,
  wantedConfig,
} from './config.ts';
import type { Serving } from './control/context.ts';
import { endLeftovers, startControl } from './control/control.ts';
import { type FrontDoor, openFrontDoor } from './control/front-door.ts';
import { buildApi } from './control/http/server.ts';
import { bearerCalls, everyoneIsLocalAdmin } from './control/http/who-calls.ts';
import { dataFolder, loadKeys } from './data-folder.ts';
import { type Edge, type EdgeConfig, startEdge } from './edge/start.ts';
import { keepCertificate, serverCertificate } from './server-certificate.ts';

/** A port that the system chose for UDP may be taken for TCP. */
const PORT_ATTEMPTS = 8;

export interface GatewayOptions extends GatewayFlags {
  readonly dataDir: string;
}

export interface Gateway extends AsyncDisposable {
  readonly url: string;
  /** host:port each. */
  readonly tcp: string;
  readonly udp: string;
  readonly proxy: string | null;
  /** New sessions are refused, agents are told to move, channels may end by themselves within the grace. Twice is once. */
  close(options?: { readonly graceMs?: number }): Promise<void>;
}

/** Errors `ca.missing`, `state.locked`, `gateway.public-url`, `address.malformed`, `port.in-use`, `address.not-here`, `file.loose-mode`, `store.corrupt`, `quic.unavailable`. */
export async function startGateway({ dataDir, ...flags }: GatewayOptions, world: World): Promise<Gateway> {
  const folder = dataFolder(dataDir);
  const { files, clock, net } = world;
  const keys = await loadKeys(folder, files);
  await using starting = new AsyncDisposableStack();
  starting.use(await files.lock(folder.lock));
  const stored = await readConfig(folder.config, files);
  const wanted = wantedConfig(flags, stored, net.interfaces());
  const issue = () => serverCertificate(folder, keys.authority, serverNames(wanted), world);
  const certificate = await issue();

  const store = starting.use(await openStore(folder.database, world));
  const leftovers = await endLeftovers(store);
  if (leftovers > 0) world.log.warn({ sessions: leftovers }, 'sessions of the gateway before were ended');
  const control = starting.use(await startControl({ store, authority: keys.authority, keys: keys.signing, placesBefore: undefined }, world));
  const { context } = control;
  let served = false;
  starting.defer(() => {
    if (served) context.audit.keep({ code: 'gateway.stopped', actor: 'gateway', subject: 'gateway', detail: {} });
  });
  const credentials = { cert: certificate.certificatePem, key: certificate.privateKeyPem };
  const api = starting.use(await buildApi(context, { whoCalls: bearerCalls(context), certificate: credentials }));
  const localApi = starting.use(await buildApi(context, { whoCalls: everyoneIsLocalAdmin }));

  const edgeConfig = {
    certificatePem: certificate.certificatePem,
    privateKeyPem: certificate.privateKeyPem,
    trustedCaPem: keys.authority.certificatePem,
    secret: keys.linkSecret,
    software: `tunnel/${VERSION}`,
  };
  const behind = (edge: Edge) => ({ edge: edge.takeOperator, api: api.take });
  const { edge, door } = await openPorts(
    wanted,
    edgeConfig,
    (edgeSettings) => startEdge(edgeSettings, control.forEdge, world),
    (at, started) => openFrontDoor(at, behind(started), world),
  );
  starting.use(edge);
  starting.use(door);

  const config = settledConfig(wanted, { tcp: door.at, proxy: edge.proxy }, stored);
  await files.replaceAtomically(folder.config, `${JSON.stringify(config, null, 2)}\n`);
  const serving: Serving = {
    places: { url: config.public_url, quic: quicEndpoint(config) },
    connect: connectEndpoint(config.public_url),
    proxyUrl: proxyUrl(config.public_url, edge.proxy),
    tcp: formatListen(door.at),
    udp: formatListen(edge.udp),
    proxy: edge.proxy && formatListen(edge.proxy),
    serverPin: certificate.pin,
    edge,
    since: clock.monotonic(),
  };
  control.serve(serving);
  await files.remove(folder.controlSocket); // left by a gateway that was killed; ours is the lock
  const local = starting.use(await net.listen({ path: folder.controlSocket }, localApi.take));
  await store.audit.append({
    code: 'gateway.started',
    actor: 'gateway',
    subject: 'gateway',
    detail: { version: VERSION, url: config.public_url, tcp: serving.tcp, udp: serving.udp, proxy: serving.proxy },
  });

  served = true;
  const stop = new AbortController();
  const use = async (next: { certificatePem: string; privateKeyPem: string }) => {
    await edge.useCertificate(next.certificatePem, keys.authority.certificatePem);
    api.useCertificate({ cert: next.certificatePem, key: next.privateKeyPem });
  };
  const renewing = keepCertificate(certificate, issue, use, world, stop.signal);
  const running = starting.move();

  const shutDown = async (graceMs: number) => {
    stop.abort();
    await Promise.all([renewing, door.close(), local.close()]);
    try {
      await edge.drain(graceMs);
      await context.sessions.endAll('all', 'gateway-stopping');
    } finally {
      await running.disposeAsync(); // what could not be written down now is ended by the next start
      await files.remove(folder.controlSocket);
    }
  };
  let closing: Promise<void> | undefined;
  const close = ({ graceMs = LIMITS.drainGraceMs } = {}) => (closing ??= shutDown(graceMs));
  return { url: config.public_url, tcp: serving.tcp, udp: serving.udp, proxy: serving.proxy, close, [Symbol.asyncDispose]: () => close() };
}

/** The edge with its UDP port, then the door on TCP with the same number. Where the system may choose, another choice is made when TCP has it taken. */
async function openPorts(
  { listen, proxyListen }: WantedConfig,
  config: Omit<EdgeConfig, 'udp'>,
  start: (config: EdgeConfig) => Promise<Edge>,
  open: (at: { address: string; port: number }, edge: Edge) => Promise<FrontDoor>,
): Promise<{ edge: Edge; door: FrontDoor }> {
  for (let attempt = 1; ; attempt++) {
    const edge = await start({ ...config, udp: listen, ...(proxyListen && { proxyListen }) });
    try {
      return { edge, door: await open({ address: listen.address, port: edge.udp.port }, edge) };
    } catch (error) {
      await edge.close();
      const another = listen.port === 0 && error instanceof TunnelError && error.code === 'port.in-use' && attempt < PORT_ATTEMPTS;
      if (!another) throw error;
    }
  }
}
