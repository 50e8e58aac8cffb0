// Whether links of one identity replace each other for ever, because two processes hold it, and who is held off then (security.md, G). Pure: times come in.
import { LIMITS } from '../../base/limits.ts';

/** What one agent's identity has been through lately. */
export interface Rivalry {
  /** Oldest first: who took the agent over, and when (monotonic ms). */
  readonly takeovers: readonly { readonly at: number; readonly by: string }[];
  /** Until then nobody takes it from whoever has it. Monotonic ms. */
  readonly heldUntil: number;
}

/** Whoever brings more strangers than this within the window must not fill the memory. */
const MOST_TAKEOVERS = 32;

export const NO_RIVALRY: Rivalry = { takeovers: [], heldUntil: 0 };

export interface Judgement {
  readonly rivalry: Rivalry;
  readonly welcome: boolean;
  /** The alarm is raised by this very newcomer. */
  readonly raised: boolean;
}

/**
 * May `newcomer` take the agent over from `holder`? One process that moves, roams or restarts never comes back after another one; two processes do, again and again.
 * After too many returns whoever has the agent keeps it, until the other has kept away for a while. A holder that is gone holds nothing off.
 */
export function judgeNewcomer(rivalry: Rivalry, newcomer: string, holder: string | undefined, now: number): Judgement {
  const recent = rivalry.takeovers.filter(({ at }) => now - at < LIMITS.flappingWindowMs);
  const takeovers = recent.at(-1)?.by === newcomer ? recent : [...recent, { at: now, by: newcomer }].slice(-MOST_TAKEOVERS);
  const free = holder === undefined || holder === newcomer;
  const held = now < rivalry.heldUntil;
  if (free || (!held && returns(takeovers) <= LIMITS.flappingReturns)) return { rivalry: { ...rivalry, takeovers }, welcome: true, raised: false };
  return { rivalry: { takeovers: recent, heldUntil: now + LIMITS.flappingHoldMs }, welcome: false, raised: !held };
}

export function isFlapping({ heldUntil }: Rivalry, now: number): boolean {
  return now < heldUntil;
}

/** Takeovers by somebody who had the agent before and lost it to another. */
function returns(takeovers: Rivalry['takeovers']): number {
  return takeovers.filter(({ by }, index) => takeovers.slice(0, index).some((before) => before.by === by)).length;
}
