// The running agent: opens its data folder, keeps itself linked until it is closed, and says when it can be reached and how it fares.
import type { AgentRenewalAnswer } from '../api/agent-renewal.ts';
import type { AgentStatusAnswer } from '../api/agent-status.ts';
import type { ReloadAnswer } from '../api/config.ts';
import { within } from '../base/deadline.ts';
import { TunnelError } from '../base/errors.ts';
import type { World } from '../base/world.ts';
import { versionOf } from '../link/version.ts';
import { certificateFacts } from '../pki/certificate-facts.ts';
import { tuneHeapForBytes } from '../system/heap-for-bytes.ts';
import { loadQuiche } from '../transport/quic/native.ts';
import { type AgentDesk, answerOnSocket } from './agent-socket.ts';
import { bringLink } from './bring-link.ts';
import type { TransportChoice } from './choose-transport.ts';
import { type AgentConfig, type AgentFlags, readConfig } from './config.ts';
import { hasTls, parseEndpoint, waysTo } from './dial-gateway.ts';
import { expiredOr } from './expired.ts';
import { removeAbandoned } from './identity-folder.ts';
import { Installed, lockAgent } from './installed.ts';
import { Journal } from './journal.ts';
import { type BringRequest, type Keeping, keepLinked } from './keep-linked.ts';
import { Ledger } from './ledger.ts';
import { NetworkWatch } from './network-watch.ts';
import { Presence } from './presence.ts';
import { RunningSettings } from './running-settings.ts';
import type { Online } from './serve-link.ts';
import { type Ended, type PresentLink, ServedLink } from './served-link.ts';
import { servingOf } from './serving.ts';

/** A renewed certificate has so long to be seen at work. */
const IN_USE_MS = 30_000;

export interface AgentOptions extends AgentFlags {
  readonly dataDir: string;
  /** Settings whose flag came from its variable. */
  readonly byVariable?: ReadonlySet<string> | undefined;
}

export interface AgentOnline extends Online {
  readonly gateway: string;
}

export interface Agent extends AsyncDisposable {
  /** Resolves when the gateway has answered on a link that is up now, or on the next one. An abort rejects with the signal's reason. */
  online(signal: AbortSignal): Promise<AgentOnline>;
  status(): AgentStatusAnswer;
  /** Reads agent.json again; what people set in it is in force then. Errors as `RunningSettings.reload`, after which nothing has changed. */
  reload(): Promise<ReloadAnswer>;
  /** Ends the links, telling the gateway; resolves when nothing is left. Calling twice is calling once. */
  close(): Promise<void>;
  /**
   * Asks for another certificate now, and resolves when a link has been made with it (on version 1: when it is stored).
   * Errors: `gateway.unreachable` while there is no link, `gateway.silent` also where no link came up with it, those of `Renewal.renew`.
   */
  renew(wanted: { readonly rotateKey: boolean }): Promise<AgentRenewalAnswer>;
  /** Settles after `close`. Nothing else ends an agent but `certificate.expired`, with which it rejects. */
  readonly stopped: Promise<void>;
}

/**
 * Does not wait for the gateway, which may be away for hours. Errors: those of `Installed.open`, `route.malformed`, `address.malformed`, `duration.malformed`, `state.locked`,
 * `usage` and `quic.unavailable` for a transport that the gateway or this machine does not have.
 */
export async function startAgent({ dataDir, byVariable = new Set(), ...flags }: AgentOptions, world: World): Promise<Agent> {
  await using starting = new AsyncDisposableStack();
  tuneHeapForBytes();
  await readConfig(dataDir, world.files); // without one there is no folder to lock
  starting.use(await lockAgent(dataDir, world));
  const installed = await Installed.open(dataDir, world);
  await removeAbandoned(dataDir, installed.config.identity, world.files);
  const endpoint = () => flags.quicEndpoint ?? installed.config.quic_endpoint;
  parseEndpoint(endpoint());
  const settings = await RunningSettings.open({ dataDir, flags, byVariable, judge: judgeChoice }, installed, world);

  const journal = starting.use(await Journal.open(dataDir, world));
  const ledger = new Ledger(journal);
  const presence = new Presence(world.clock);
  const network = new NetworkWatch();
  const stopping = new AbortController();
  const heard = (served: ServedLink) => {
    const { gateway } = installed.config;
    world.log.info({ gateway, reason: served.reason, remote: served.link.remote, ...served.online?.now }, 'online');
    presence.heard();
    network.linked();
  };
  const bring = async ({ choice, distrust, afterLoss }: BringRequest, signal: AbortSignal) => {
    const { config, inForce } = installed;
    const ways = waysTo(() => ({ endpoint: endpoint(), config, identity: inForce.identity }), world);
    const serve = (link: ServedLink['link'], reason: string | null) => {
      const served = new ServedLink(link, reason, { ...servingOf(installed, inForce, reason, ledger), afterLoss }, heard, world, stopping.signal);
      presence.add(served);
      void served.ended.then((ended) => logEnd(served, ended, world.log));
      return served;
    };
    return await bringLink({ choice, distrust }, ways, serve, world, signal);
  };
  const expiry = Promise.withResolvers<never>();
  expiry.promise.catch(() => {}); // whoever waits for the end of the agent hears of it
  const failed = (error: unknown) => {
    const judged = expiredOr(error, installed, world.clock);
    presence.failed(judged);
    if (!(judged instanceof TunnelError) || judged.code !== 'certificate.expired') return;
    world.log.error({ error: judged }, 'this agent cannot come back');
    expiry.reject(judged);
    stopping.abort(judged);
  };
  const { onPreference } = settings;
  const keeping: Keeping = {
    get preference() {
      return settings.preference;
    },
    onPreference,
    network,
    bring,
    failed,
  };
  const status = (): AgentStatusAnswer => {
    const { agent_id, name, gateway } = installed.config;
    const not_after = new Date(certificateFacts(installed.identity.certificatePem).notAfter).toISOString();
    return {
      agent_id,
      name,
      gateway,
      ...presence.status(),
      mode: ledger.mode,
      sessions: ledger.sessions,
      not_after,
      renewal_error: installed.renewalError,
      pid: process.pid,
    };
  };
  const renew = async (wanted: { readonly rotateKey: boolean }) => {
    const link = presence.current;
    if (link === undefined)
      throw new TunnelError('gateway.unreachable', `there is no link to ${installed.config.gateway} now`, { hint: 'tunnel agent status says why.' });
    await link.renew(wanted, stopping.signal);
    if (versionOf(link.link) === 2) await inUse(installed, presence, world.clock, stopping.signal);
    return installed.renewed(wanted.rotateKey);
  };
  const reload = () => settings.reload(() => presence.advertise());
  await answerIfPossible(starting, dataDir, { status, renew, reload, settings: () => settings.shown() }, world);
  const watched = network.run(() => presence.current?.link.remote, world, stopping.signal);
  const over = Promise.all([keepLinked(keeping, world, stopping.signal), watched]).then(() => presence.empty());
  const stopped = Promise.race([over, expiry.promise]);
  stopped.catch(() => {});
  ledger.started({ gateway: installed.config.gateway, pid: process.pid });
  starting.defer(async () => {
    stopping.abort(new TunnelError('interrupted', 'the agent was stopped'));
    await over;
    ledger.stopped();
  });

  const running = starting.move();
  const close = () => running.disposeAsync();
  const online = async (signal: AbortSignal) => ({ gateway: installed.config.gateway, ...(await presence.wait(AbortSignal.any([signal, stopping.signal]))) });
  return { online, status, renew, reload, close, stopped, [Symbol.asyncDispose]: close };
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

/** Resolves when the gateway has answered on a link with the identity in force. Error `gateway.silent`. */
async function inUse(installed: Installed, presence: Presence, clock: World['clock'], signal: AbortSignal): Promise<void> {
  const late = () =>
    new TunnelError('gateway.silent', `the new certificate is stored, but no link was made with it within ${IN_USE_MS / 1000} s`, {
      hint: 'tunnel agent status says why.',
    });
  const isNew = ({ certificatePem }: PresentLink) => certificatePem === installed.identity.certificatePem;
  await within(clock, IN_USE_MS, late, signal, (signal) => presence.wait(signal, isNew));
}

/** A folder whose path is too long for a socket must not keep a machine from its gateway. */
async function answerIfPossible(starting: AsyncDisposableStack, dataDir: string, desk: AgentDesk, world: World): Promise<void> {
  try {
    starting.use(await answerOnSocket(dataDir, desk, world));
  } catch (error) {
    world.log.warn({ error }, 'agent status, renew and reload will get no answer');
  }
}
