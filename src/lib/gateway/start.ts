// Starts a gateway on its data folder: lock, keys, store, control, edge, API, and last the door; closing goes the other way round.
import type { ReloadAnswer } from '../api/config.ts';
import { TunnelError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { VERSION } from '../base/version.ts';
import type { World } from '../base/world.ts';
import { openStore } from '../store/open.ts';
import { formatListen } from './addresses.ts';
import { connectEndpoint, type GatewayFlags, proxyUrl, quicEndpoint, settledConfig } from './config.ts';
import type { Serving } from './control/context.ts';
import { endLeftovers, startControl } from './control/control.ts';
import { openFrontDoor } from './control/front-door.ts';
import { buildApi } from './control/http/server.ts';
import { bearerCalls, everyoneIsLocalAdmin } from './control/http/who-calls.ts';
import { endRotation } from './control/rotate-ca.ts';
import { assertCa, dataFolder, loadKeys } from './data-folder.ts';
import { KeptEdge } from './edge-process/keep-edge.ts';
import { openPorts } from './open-ports.ts';
import { type Credentials, RunningCa } from './running-ca.ts';
import { type Reloadable, RunningConfig } from './running-config.ts';
import { serverCertificate } from './server-certificate.ts';
import { takeFolder } from './take-folder.ts';
import type { TestHooks } from './test-hooks.ts';

export interface GatewayOptions extends GatewayFlags {
  readonly dataDir: string;
  /** Of the CA's key, where that is encrypted. */
  readonly caPassphrase?: string | undefined;
  readonly testHooks?: TestHooks | undefined;
  /** Settings whose flag came from its variable. */
  readonly byVariable?: ReadonlySet<string> | undefined;
}

export interface Gateway extends AsyncDisposable {
  readonly url: string;
  /** host:port each. */
  readonly tcp: string;
  readonly udp: string;
  readonly proxy: string | null;
  /** Reads gateway.json again; resolves when it is in force. Errors as `RunningConfig.reload`, after which nothing has changed. */
  reload(): Promise<ReloadAnswer>;
  /** New sessions are refused, agents are told to move, channels may end by themselves within the grace. Twice is once. */
  close(options?: { readonly graceMs?: number }): Promise<void>;
}

/** Errors `ca.missing`, `ca.passphrase`, `state.locked`, `gateway.public-url`, `address.malformed`, `port.in-use`, `address.not-here`, `file.loose-mode`, `store.corrupt`, `quic.unavailable`. */
export async function startGateway({ dataDir, caPassphrase, testHooks, byVariable = new Set(), ...flags }: GatewayOptions, world: World): Promise<Gateway> {
  const folder = dataFolder(dataDir);
  const { files, clock, net } = world;
  await assertCa(folder, files);
  await using starting = new AsyncDisposableStack();
  const lock = await takeFolder(folder, world);
  if (lock === undefined)
    throw new TunnelError('state.locked', `a gateway runs on ${folder.directory} already`, { hint: 'tunnel gateway status shows it; stop it first.' });
  starting.use(lock);
  const keys = await loadKeys(folder, files, { now: clock.now, passphrase: caPassphrase });
  keys.authority.signingKey; // said now, and not at the first enrolment
  const config = await RunningConfig.open({ folder, flags, byVariable }, world);
  const { stored, wanted } = config;
  const ca = await RunningCa.open({ disk: keys.ca, issue: (authority) => serverCertificate(folder, authority, config.server, world) }, world);
  const { server: certificate } = ca.now;

  const limits = { silentMs: LIMITS.edgeSilentMs, memoryBytes: testHooks?.edgeMemoryBytes ?? LIMITS.edgeMemoryBytes };
  const manner = { logLevel: config.logLevel, testHooks: testHooks !== undefined };
  const edge = starting.use(new KeptEdge({ limits, manner }, world)); // its process comes up while the store opens
  const store = starting.use(await openStore(folder.database, world));
  const leftovers = await endLeftovers(store);
  if (leftovers > 0) world.log.warn({ sessions: leftovers }, 'sessions of the gateway before were ended');
  const settings = () => ({ agentCertMs: config.lifetimes.agentMs, longestSessionMs: config.wanted.longestSessionMs, direct: config.wanted.direct });
  const control = starting.use(await startControl({ store, ca, keys: keys.signing, settings, placesBefore: undefined }, world));
  const { context } = control;
  let served = false;
  starting.defer(() => {
    if (served) context.audit.keep({ code: 'gateway.stopped', actor: 'gateway', subject: 'gateway', detail: {} });
  });
  const credentials = { cert: certificate.certificatePem, key: certificate.privateKeyPem };
  const api = starting.use(await buildApi(context, { whoCalls: bearerCalls(context), certificate: credentials }));
  const localApi = starting.use(await buildApi(context, { whoCalls: everyoneIsLocalAdmin }));

  starting.use(edge); // again, because control must still hear what it says at its end

  const edgeConfig = {
    certificatePem: certificate.certificatePem,
    privateKeyPem: certificate.privateKeyPem,
    trustedCaPem: ca.authority.bundlePem,
    secret: keys.linkSecret,
    software: `tunnel/${VERSION}`,
  };
  const behind = { operator: edge.takeOperator, agent: edge.takeAgent, api: api.take };
  const { places, door } = await openPorts(
    wanted,
    {
      edge: { start: (at) => edge.start({ ...edgeConfig, ...at }, control.forEdge), stop: () => edge.stop() },
      openDoor: (at) => openFrontDoor(at, behind, world),
      again: stored?.listen === formatListen(wanted.listen),
    },
    clock,
  );
  starting.use(door);

  await config.settle(settledConfig(wanted, { tcp: door.at, proxy: places.proxy }, stored));
  const serving: Serving = {
    get places() {
      return { url: config.reached.public_url, quic: quicEndpoint(config.reached) };
    },
    get connect() {
      return connectEndpoint(config.reached.public_url);
    },
    get proxyUrl() {
      return proxyUrl(config.reached.public_url, places.proxy);
    },
    tcp: formatListen(door.at),
    udp: formatListen(places.udp),
    proxy: places.proxy && formatListen(places.proxy),
    serverPin: certificate.pin,
    edge,
    edgeStatus: () => edge.status,
    settings: () => config.settings(),
    reload: (actor) => config.reload(reloadable, actor),
    since: clock.monotonic(),
  };
  const reloadable: Reloadable = {
    certificate: () => ca.now.server,
    refreshCertificate: () => ca.refresh(),
    useLogLevel: (level) => edge.useLogLevel(level),
    reloaded: (changes, actor) => context.audit.keep({ code: 'gateway.reloaded', actor, subject: 'gateway', detail: { changes } }),
  };
  control.serve(serving);
  edge.keep();
  await Promise.all([import('../pki/csr.ts'), import('../pki/leaf.ts')]); // 200 ms and more of loading, in which an enrolment would hold up everybody
  await files.remove(folder.controlSocket); // left by a gateway that was killed; ours is the lock
  const local = starting.use(await net.listen({ path: folder.controlSocket }, localApi.take));
  await store.audit.append({
    code: 'gateway.started',
    actor: 'gateway',
    subject: 'gateway',
    detail: { version: VERSION, url: serving.places.url, tcp: serving.tcp, udp: serving.udp, proxy: serving.proxy },
  });

  served = true;
  const stop = new AbortController();
  const use = async ({ authority, server }: Credentials) => {
    await edge.useCertificate(server.certificatePem, authority.bundlePem);
    api.useCertificate({ cert: server.certificatePem, key: server.privateKeyPem });
  };
  const renewing = ca.keep(use, () => endRotation(context, 'gateway'), stop.signal);
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
  const reload = () => config.reload(reloadable, 'gateway');
  return { url: serving.places.url, tcp: serving.tcp, udp: serving.udp, proxy: serving.proxy, reload, close, [Symbol.asyncDispose]: () => close() };
}
