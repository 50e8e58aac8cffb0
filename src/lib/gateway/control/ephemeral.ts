// Agents that were enrolled as ephemeral: deleted when they stay away, so that what came for an hour leaves no name, no route and no good certificate (requirements E8).
import { TunnelError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { Clock, Timer } from '../../base/world.ts';
import type { Agent } from '../../store/agents.ts';
import { removeAgent } from './agents.ts';
import type { ControlContext } from './context.ts';

/** One timer for each agent that is away. Kept in memory: after a restart of the gateway all are waited for anew. */
export class Ephemerals implements Disposable {
  readonly #clock: Clock;
  readonly #missing: (agentId: string) => void;
  readonly #timers = new Map<string, Timer>();
  #ended = false;

  /** `missing` is called for an agent whose time is over; it may have come back. */
  constructor(clock: Clock, missing: (agentId: string) => void) {
    this.#clock = clock;
    this.#missing = missing;
  }

  /** One that was just enrolled: its answer may be lost, and the same key may ask again that long. */
  enrolled(agent: Agent): void {
    this.#expect(agent, LIMITS.enrolmentRepeatMs);
  }

  /** Its last link has ended, or the gateway has just started. */
  away(agent: Agent): void {
    this.#expect(agent, LIMITS.ephemeralAwayMs);
  }

  [Symbol.dispose](): void {
    this.#ended = true;
    for (const timer of this.#timers.values()) timer.cancel();
  }

  #expect({ id, ephemeral }: Agent, ms: number): void {
    if (!ephemeral || this.#ended) return;
    this.#timers.get(id)?.cancel();
    const timer = this.#clock.after(ms, () => {
      this.#timers.delete(id);
      this.#missing(id);
    });
    this.#timers.set(id, timer);
  }
}

/** Never rejects: what the store cannot do now is tried again. */
export async function vanish(context: ControlContext, agentId: string): Promise<void> {
  const { ephemerals, registry, world } = context;
  const row = registry.row(agentId);
  if (!row?.ephemeral || registry.linksOf(agentId).length > 0) return;
  try {
    await removeAgent(context, row, 'gateway', { reason: 'ephemeral' });
    world.log.info({ agent: row.name }, 'an ephemeral agent stayed away and was deleted');
  } catch (error) {
    if (error instanceof TunnelError && error.code === 'agent.unknown') return;
    world.log.error({ error, agent: row.name }, 'an ephemeral agent could not be deleted');
    ephemerals.away(row);
  }
}
