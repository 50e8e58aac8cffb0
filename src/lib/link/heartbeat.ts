// What an agent says again and again so that the gateway counts it as online: heartbeats with its stream count and, on version 1, its routes.
import { LIMITS } from '../base/limits.ts';
import type { Clock } from '../base/world.ts';
import type { RouteAdvertise } from '../protocol/messages.ts';
import type { Link } from '../transport/link.ts';
import type { AgentControl } from './control.ts';

/**
 * Keeps the gateway informed until `signal` aborts, then resolves. `routes` gives the advertisement in force, its epoch unchanged by repetition; undefined before the first.
 * Errors: those of `control.send`.
 */
export async function keepHeard(
  control: AgentControl,
  link: Pick<Link, 'streams'>,
  { clock }: { readonly clock: Clock },
  routes: () => RouteAdvertise | undefined,
  signal: AbortSignal,
): Promise<void> {
  const heartbeat = async () =>
    await control.send({ kind: 'heartbeat', sentAtMs: BigInt(Math.max(0, Math.trunc(clock.now()))), streams: channelStreams(link) });
  const advertise = async () => {
    const current = routes();
    if (current !== undefined) await control.send(current);
  };
  if (control.version === 2) return await repeat(LIMITS.heartbeatV2Ms, heartbeat, clock, signal);
  await Promise.all([repeat(LIMITS.heartbeatV1Ms, heartbeat, clock, signal), repeat(LIMITS.advertiseV1Ms, advertise, clock, signal)]);
}

async function repeat(everyMs: number, say: () => Promise<void>, clock: Clock, signal: AbortSignal): Promise<void> {
  for (;;) {
    await clock.sleep(everyMs, signal);
    if (signal.aborted) return;
    await say();
  }
}

/** Streams of a link that carry channels: all but the control stream. */
export function channelStreams(link: Pick<Link, 'streams'>): number {
  return Math.max(0, link.streams - 1);
}
