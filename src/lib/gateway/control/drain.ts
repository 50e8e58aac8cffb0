// Moves agents away before a stop: nothing new begins from then on, agents are told to go, what runs may end within the grace. Only a stop ends it.
import type { DrainAnswer } from '../../api/contract.ts';
import { TunnelError } from '../../base/errors.ts';
import { actorOf, assertAdmin, type Caller } from './caller.ts';
import { assertServing, type ControlContext } from './context.ts';

/** Held by control, so that an edge that is started anew in the meantime lets nobody in either. */
export class Draining {
  /** Monotonic ms; undefined while the gateway serves. */
  #endsAt: number | undefined;

  get begun(): boolean {
    return this.#endsAt !== undefined;
  }

  /** A second drain cannot take longer than the first. When the grace ends. */
  begin(endsAt: number): number {
    this.#endsAt = Math.min(this.#endsAt ?? endsAt, endsAt);
    return this.#endsAt;
  }

  /** Error `gateway.stopping`. */
  assertServing(): void {
    if (this.begun) throw new TunnelError('gateway.stopping', 'the gateway is stopping', { hint: 'Try again in a moment.' });
  }
}

/** Answers at once; what still runs when `graceMs` has passed is cut. Error `gateway.unreachable` without a running gateway. */
export function drain(context: ControlContext, caller: Caller, graceMs: number): DrainAnswer {
  assertAdmin(caller);
  const { audit, draining, registry, sessions, world } = context;
  const { edge } = assertServing(context);
  const first = !draining.begun;
  const now = world.clock.monotonic();
  const leftMs = Math.max(0, Math.round(draining.begin(now + graceMs) - now));
  if (first) {
    world.log.info({ graceMs, channels: sessions.channels }, 'draining');
    audit.keep({ code: 'gateway.draining', actor: actorOf(caller), subject: 'gateway', detail: { grace_ms: graceMs, channels: sessions.channels } });
  }
  edge.drain(leftMs).catch((error: unknown) => world.log.error({ error }, 'the edge could not be drained'));
  return { channels: sessions.channels, agents_online: registry.all().filter(({ online }) => online).length, grace_ms: leftMs };
}
