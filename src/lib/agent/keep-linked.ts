// Keeps an agent linked for ever (A3): dials, serves, and dials again after a pause that grows while nothing works.
import { backoff } from '../base/backoff.ts';
import { LIMITS } from '../base/limits.ts';
import type { World } from '../base/world.ts';
import type { DialLink, Link } from '../transport/link.ts';
import type { LinkOutcome } from './serve-link.ts';

/** Leaves the link closed. `afterLoss`: the one before ended without a word to the gateway. */
export type ServeLink = (link: Link, signal: AbortSignal, afterLoss: boolean) => Promise<LinkOutcome>;

/** Keeps one link up until `signal` aborts, then resolves. Nothing else ends it. A link is closed before the next one is dialled: stock gateways lose an agent that has two. */
export async function keepLinked(
  dial: DialLink,
  serve: ServeLink,
  { clock, random, log }: Pick<World, 'clock' | 'random' | 'log'>,
  signal: AbortSignal,
): Promise<void> {
  let failures = 0;
  let lost = false;
  let outageSince = clock.monotonic();
  while (!signal.aborted) {
    let upSince: number | undefined;
    let atOnce = false;
    try {
      await using link = await dial(signal);
      upSince = clock.monotonic(); // not before dialling: a slow refusal is no success
      const outcome = await serve(link, signal, lost);
      atOnce = outcome.why === 'renewed' || outcome.why === 'forgotten';
      lost = outcome.why === 'ended' && (outcome.end.by === 'silence' || outcome.end.by === 'fault');
      log.info({ remote: link.remote, ...outcome }, 'link ended');
    } catch (error) {
      if (!signal.aborted) log.warn({ error, failures }, upSince === undefined ? 'dial failed' : 'link failed');
    }
    if (upSince !== undefined && clock.monotonic() - upSince >= LIMITS.goodLinkMs) {
      failures = 0;
      outageSince = clock.monotonic();
    }
    if (!atOnce) await clock.sleep(backoff(failures++, clock.monotonic() - outageSince, random), signal);
  }
}
