// Everything an agent does on one link, from its first word to its end: control stream, heartbeats, channels, renewal.

import { unlessAborted, within } from '../base/deadline.ts';
import { TunnelError } from '../base/errors.ts';
import type { World } from '../base/world.ts';
import { agentControl } from '../link/control.ts';
import { keepHeard } from '../link/heartbeat.ts';
import { closeLink } from '../link/version.ts';
import type { CertRenewalGranted, CertRenewalRefused, Drain, Hello, RouteAdvertise } from '../protocol/messages.ts';
import type { Link, LinkEnd, TransportName } from '../transport/link.ts';
import { offeredTexts } from './advertisement.ts';
import { type Renewable, Renewal } from './renew.ts';
import { type AgentSelf, ControlServer } from './serve-control.ts';

/** What the agent brings to a link. */
export interface Serving {
  readonly self: AgentSelf;
  readonly hello: Hello;
  readonly renewable: Renewable;
  /** The link before this one was lost without the gateway's knowledge. */
  readonly afterLoss: boolean;
  /** The gateway knows these routes now: called at its first answer, and again when they change. */
  online(now: Online): void;
}

export interface Online {
  readonly transport: TransportName;
  readonly routes: readonly string[];
}

/** `renewed`: there is a new certificate to show. `forgotten`: a stock gateway may have lost sight of this link. */
export type LinkOutcome = { readonly why: 'renewed' | 'drained' | 'forgotten' } | { readonly why: 'ended'; readonly end: LinkEnd };

/** The gateway has so long to answer the first advertisement. */
const FIRST_ANSWER_MS = 10_000;
/** A stock gateway drops an agent from its registry when it notices, up to 135 s late, that the agent's older link is gone (reference.md, 7). */
const FORGOTTEN_AFTER_MS = 140_000;

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
  { self, hello, renewable, afterLoss, online }: Serving,
  world: World,
  signal: AbortSignal,
  finish: (outcome: LinkOutcome) => void,
): Promise<void> {
  const control = await agentControl(link, hello, world, signal);
  const firstAnswer = Promise.withResolvers<void>();
  const drain = Promise.withResolvers<Drain>();
  const renewal = new Renewal(renewable, (request) => control.send(request), world);
  const events = {
    online(advertised: RouteAdvertise) {
      firstAnswer.resolve();
      online({ transport: link.transport, routes: offeredTexts(advertised) });
    },
    drain: drain.resolve,
    renewal: (answer: CertRenewalGranted | CertRenewalRefused) => renewal.answered(answer),
  };
  const server = new ControlServer(link, control, self, events, world);
  const { channels } = server;
  const renew = async () => {
    if (!(await renewal.run(signal))) return;
    await channels.idle(signal); // No channel is cut for a certificate.
    finish({ why: 'renewed' });
  };
  const move = async () => {
    const { delayMs, reason } = await unlessAborted(drain.promise, signal);
    world.log.info({ reason, delay_ms: delayMs }, 'the gateway asks its agents to move');
    await Promise.race([channels.idle(signal), world.clock.sleep(delayMs, signal)]);
    finish({ why: 'drained' });
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
    showAgain(),
  ]);
}
