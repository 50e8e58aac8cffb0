// The running agent: opens its data folder, keeps itself linked until it is closed, and says when it can be reached and how it fares.
import type { AgentStatusAnswer } from '../api/agent-status.ts';
import { TunnelError } from '../base/errors.ts';
import type { World } from '../base/world.ts';
import { certificateFacts } from '../pki/certificate-facts.ts';
import { tuneHeapForBytes } from '../system/heap-for-bytes.ts';
import { loadQuiche } from '../transport/quic/native.ts';
import { bringLink } from './bring-link.ts';
import type { TransportChoice } from './choose-transport.ts';
import { type AgentConfig, ownRoutes, quicReturnMs, readConfig } from './config.ts';
import { hasTls, parseEndpoint, waysTo } from './dial-gateway.ts';
import { Installed, lockAgent } from './installed.ts';
import { type BringRequest, keepLinked } from './keep-linked.ts';
import { NetworkWatch } from './network-watch.ts';
import { Presence } from './presence.ts';
import type { Online } from './serve-link.ts';
import { type Ended, ServedLink } from './served-link.ts';
import { servingOf } from './serving.ts';
import { answerStatus } from './status-socket.ts';

export interface AgentOptions {
  readonly dataDir: string;
  /** host:port, before what is stored. */
  readonly quicEndpoint?: string | undefined;
  /** Before what is stored; `auto` where nothing is. */
  readonly transport?: TransportChoice | undefined;
}

export interface AgentOnline extends Online {
  readonly gateway: string;
}

export interface Agent extends AsyncDisposable {
  /** Resolves when the gateway has answered on a link that is up now, or on the next one. An abort rejects with the signal's reason. */
  online(signal: AbortSignal): Promise<AgentOnline>;
  status(): AgentStatusAnswer;
  /** Ends the links, telling the gateway; resolves when nothing is left. Calling twice is calling once. */
  close(): Promise<void>;
  /** Settles after `close`; nothing else ends an agent. */
  readonly stopped: Promise<void>;
}

/**
 * Does not wait for the gateway, which may be away for hours. Errors: those of `Installed.open`, `route.malformed`, `address.malformed`, `duration.malformed`, `state.locked`,
 * `usage` and `quic.unavailable` for a transport that the gateway or this machine does not have.
 */
export async function startAgent({ dataDir, quicEndpoint, transport }: AgentOptions, world: World): Promise<Agent> {
  await using starting = new AsyncDisposableStack();
  tuneHeapForBytes();
  await readConfig(dataDir, world.files); // without one there is no folder to lock
  starting.use(await lockAgent(dataDir, world));
  const installed = await Installed.open(dataDir, world);
  const endpoint = () => quicEndpoint ?? installed.config.quic_endpoint;
  const choice = transport ?? installed.config.transport ?? 'auto';
  const returnMs = quicReturnMs(installed.config);
  parseEndpoint(endpoint());
  ownRoutes(installed.config);
  await judgeChoice(choice, installed.config);

  const presence = new Presence(world.clock);
  const network = new NetworkWatch();
  const stopping = new AbortController();
  const ways = waysTo(() => ({ endpoint: endpoint(), config: installed.config, identity: installed.identity }), world);
  const heard = (served: ServedLink) => {
    const { gateway } = installed.config;
    world.log.info({ gateway, reason: served.reason, remote: served.link.remote, ...served.online?.now }, 'online');
    presence.heard();
    network.linked();
  };
  const bring = async ({ choice, distrust, afterLoss }: BringRequest, signal: AbortSignal) => {
    const serve = (link: ServedLink['link'], reason: string | null) => {
      const served = new ServedLink(link, reason, { ...servingOf(installed, reason), afterLoss }, heard, world, stopping.signal);
      presence.add(served);
      void served.ended.then((ended) => logEnd(served, ended, world.log));
      return served;
    };
    return await bringLink({ choice, distrust }, ways, serve, world, signal);
  };
  const keeping = { choice, quicReturnMs: returnMs, network, bring, failed: (error: unknown) => presence.failed(error) };
  const status = (): AgentStatusAnswer => {
    const { agent_id, name, gateway } = installed.config;
    const not_after = new Date(certificateFacts(installed.identity.certificatePem).notAfter).toISOString();
    return { agent_id, name, gateway, ...presence.status(), not_after, pid: process.pid };
  };
  await answerStatusIfPossible(starting, dataDir, status, world);
  const watched = network.run(() => presence.current?.link.remote, world, stopping.signal);
  const stopped = Promise.all([keepLinked(keeping, world, stopping.signal), watched]).then(() => presence.empty());
  starting.defer(async () => {
    stopping.abort(new TunnelError('interrupted', 'the agent was stopped'));
    await stopped;
  });

  const running = starting.move();
  const close = () => running.disposeAsync();
  const online = async (signal: AbortSignal) => ({ gateway: installed.config.gateway, ...(await presence.wait(signal)) });
  return { online, status, close, stopped, [Symbol.asyncDispose]: close };
}

/** What can never work is said at once. Errors `usage`, `quic.unavailable`. */
async function judgeChoice(choice: TransportChoice, config: AgentConfig): Promise<void> {
  if (choice === 'quic' || !hasTls(config)) await loadQuiche();
  if (choice !== 'tls' || hasTls(config)) return;
  throw new TunnelError('usage', `${config.gateway} is a gateway of the reference and has no way over TLS`, { hint: 'Use --transport auto or quic.' });
}

function logEnd({ link: { remote, transport } }: ServedLink, ended: Ended, log: World['log']): void {
  if (ended.why !== 'failed') {
    log.info({ remote, transport, ...ended }, 'link ended');
    return;
  }
  const stopped = ended.error instanceof TunnelError && ended.error.code === 'interrupted';
  if (!stopped) log.warn({ remote, transport, error: ended.error }, 'link failed');
}

/** A folder whose path is too long for a socket must not keep a machine from its gateway. */
async function answerStatusIfPossible(starting: AsyncDisposableStack, dataDir: string, status: () => AgentStatusAnswer, world: World): Promise<void> {
  try {
    starting.use(await answerStatus(dataDir, status, world));
  } catch (error) {
    world.log.warn({ error }, 'agent status will not answer');
  }
}
