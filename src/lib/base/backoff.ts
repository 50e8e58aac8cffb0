// How long an agent waits before it dials again: exponential with full jitter (requirements A3, limits in security.md).
import { LIMITS } from './limits.ts';
import type { Random } from './world.ts';

/** Milliseconds before attempt `failures + 1`. `outageMs` is how long the outage has lasted: early on the ceiling is low, so that people wait less. */
export function backoff(failures: number, outageMs: number, random: Pick<Random, 'fraction'>, ceiling = ceilingAfter(outageMs)): number {
  const step = Math.min(ceiling, LIMITS.backoffFirstMs * 2 ** Math.min(failures, 20));
  return LIMITS.backoffFirstMs / 2 + random.fraction() * (step - LIMITS.backoffFirstMs / 2);
}

function ceilingAfter(outageMs: number): number {
  return outageMs < LIMITS.backoffEarlyMs ? LIMITS.backoffEarlyCeilingMs : LIMITS.backoffCeilingMs;
}
