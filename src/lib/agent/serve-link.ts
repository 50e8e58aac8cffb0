// Everything an agent does on one link, from its first word to its end: control stream, heartbeats, channels, renewal.

import { unlessAborted, within } from '../base/deadline.ts';
import { TunnelError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { World } from '../base/world.ts';
import { agentControl } from '../link/control.ts';
import { keepHeard } from '../link/heartbeat.ts';
import { closeLink } from '../link/version.ts';
import type { CertRenewalGranted, CertRenewalRefused, Drain, Hello, RouteAdvertise } from '../protocol/messages.ts';
import type { Link, LinkEnd, TransportName } from '../transport/link.ts';
import { offeredTexts } from './advertisement.ts';
import { type Renewable, Renewal } from './renew.ts';
import type { Channels } from './serve-channels.ts';
import { type AgentSelf, ControlServer } from './serve-control.ts';

/** What the agent brings to a link. */
export interface Serving {
  readonly self: AgentSelf;
  readonly hello: Hello;
  readonly identity: Renewable;
  /** The link before this one was lost without the gateway's knowledge. */
  readonly afterLoss: boolean;
  /** The gateway knows these routes now: called at its first answer, and again when they change. */
  online(now: Online): void;
  /** Another link should take the place of this one, which goes on meanwhile. Version 2: stock gateways lose an agent that has two. */
  replace(why: 'renewed' | 'drained'): void;
  /** The control stream stands: this can be asked over it. */
  standing(service: LinkService): void;
  /** Resolves when a newer link has taken its place. */
  readonly retired: Promise<void>;
}

export interface LinkService extends Pick<Renewal, 'renew'> {
  /** Offers what agent.json says now. Errors where the link ends. */
  advertise(): Promise<void>;
}

export interface Online {
  readonly transport: TransportName;
  readonly routes: readonly string[];
}

/** `renewed`: a stock gateway is to see the new certificate. `forgotten`: it may have lost sight of this link. `replaced`: its last channel, or its grace, is over. */
export type LinkOutcome = { readonly why: 'renewed' | 'drained' | 'forgotten' | 'replaced' } | { readonly why: 'ended'; readonly end: LinkEnd };

/** The gateway has so long to answer the first advertisement. */
const FIRST_ANSWER_MS = 10_000;
/** A stock gateway drops an agent from its registry when it notices, up to 135 s late, that the agent's older link is gone (reference.md, 7). */
const FORGOTTEN_AFTER_MS = 140_000;
/** A plan that the gateway made before it knew the newer link may still bring a channel. */
const LAST_CHANNEL_MS = LIMITS.streamCreditMs;

/**
 * Serves the link until it ends, and leaves it closed whatever happens.
 * Errors: `gateway.silent`, `link.lost`, `protocol.violation`; an abort of `signal` rejects with its reason.
 */
export async function serveLink(link: Link, serving: Serving, world: World, signal: AbortSignal): Promise<LinkOutcome> {
  const { promise: over, resolve: finish, reject: fail } = Promise.withResolvers<LinkOutcome>();
  const ending = new AbortController();
  const stop = () => fail(signal.reason);
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  void link.closed.then((end) => finish({ why: 'ended', end }));
  const parts = runParts(link, serving, world, ending.signal, finish).catch(async (error: unknown) => {
    // How the link ended says more than that a stream of it was lost.
    if (error instanceof TunnelError && error.code === 'link.lost') await closeLink(link, 'ended', error.message);
    fail(error);
  });
  try {
    const outcome = await over;
    if (outcome.why === 'renewed') await closeLink(link, 'renewed', 'cert-renewed');
    if (outcome.why === 'replaced') await closeLink(link, 'replaced', 'replaced by a newer link');
    return outcome;
  } finally {
    signal.removeEventListener('abort', stop);
    ending.abort(new TunnelError('agent.offline', 'the agent is stopping'));
    await closeLink(link, signal.aborted ? 'stopping' : 'ended', 'shutting down');
    await parts;
  }
}

/** Rejects with the first failure of any part; resolves when all have ended, after an abort of `signal`. */
async function runParts(
  link: Link,
  { self, hello, identity, afterLoss, online, replace, standing, retired }: Serving,
  world: World,
  signal: AbortSignal,
  finish: (outcome: LinkOutcome) => void,
): Promise<void> {
  const control = await agentControl(link, hello, world, signal);
  const firstAnswer = Promise.withResolvers<void>();
  const drain = Promise.withResolvers<Drain>();
  const newer = new AbortController();
  const renewal = new Renewal(identity, control, world);
  let graceMs: number = LIMITS.replacedLinkGraceMs;
  const events = {
    online(advertised: RouteAdvertise) {
      firstAnswer.resolve();
      online({ transport: link.transport, routes: offeredTexts(advertised) });
    },
    drain: drain.resolve,
    renewNow: () => renewal.dueNow(),
    renewal: (answer: CertRenewalGranted | CertRenewalRefused) => renewal.answered(answer),
  };
  using server = new ControlServer(link, control, self, events, world);
  const { channels } = server;
  const renewOnDemand: LinkService['renew'] = async (wanted, asked) => {
    try {
      await renewal.renew(wanted, AbortSignal.any([asked, signal]));
    } catch (error) {
      throw signal.aborted && !asked.aborted ? new TunnelError('link.lost', 'the link ended before the renewal was answered', { hint: 'Try again.' }) : error;
    }
  };
  standing({ renew: renewOnDemand, advertise: () => server.advertise() });
  const renew = async () => {
    if (!(await renewal.run(AbortSignal.any([signal, newer.signal])))) return;
    graceMs = LIMITS.renewedLinkGraceMs; // No channel is cut for a certificate.
    if (control.version === 2) return replace('renewed');
    await channels.idle(signal);
    finish({ why: 'renewed' });
  };
  const move = async () => {
    const { delayMs, reason } = await unlessAborted(drain.promise, signal);
    world.log.info({ reason, delay_ms: delayMs }, 'the gateway asks its agents to move');
    replace('drained');
    await world.clock.sleep(delayMs, signal);
    finish({ why: 'drained' });
  };
  const leave = async () => {
    await unlessAborted(retired, signal);
    newer.abort(); // which renews from now on
    using _grace = world.clock.after(graceMs, () => finish({ why: 'replaced' }));
    await quiet(channels, world.clock, signal);
    finish({ why: 'replaced' });
  };
  const showAgain = async () => {
    if (!afterLoss || control.version === 2) return;
    await world.clock.sleep(FORGOTTEN_AFTER_MS, signal);
    await channels.idle(signal);
    finish({ why: 'forgotten' });
  };
  const silent = () => new TunnelError('gateway.silent', `the gateway did not answer within ${FIRST_ANSWER_MS / 1000} s`);
  await Promise.all([
    server.converse(),
    channels.serve(signal),
    keepHeard(control, link, world, () => server.advertised, signal),
    within(world.clock, FIRST_ANSWER_MS, silent, signal, (signal) => unlessAborted(firstAnswer.promise, signal)),
    renew(),
    move(),
    leave(),
    showAgain(),
  ]);
}

/** Resolves when no channel is open, and none has come for a while. */
async function quiet(channels: Channels, clock: World['clock'], signal: AbortSignal): Promise<void> {
  do {
    await channels.idle(signal);
    await clock.sleep(LAST_CHANNEL_MS, signal);
  } while (channels.size > 0);
}
