// `--wait`: tries again while what is missing may still appear, until the time is up.
import { type ErrorCode, TunnelError } from '../base/errors.ts';
import type { Clock } from '../base/world.ts';

/** Failures that waiting can cure: the other side is not there yet. */
const NOT_YET: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'gateway.unreachable',
  'gateway.silent',
  'gateway.stopping',
  'agent.offline',
  'agent.unknown',
  'route.none',
  'target.refused',
  'link.lost',
  'store.busy',
]);
const PAUSE_MS = 250;

/** May waiting cure it? A route is missing for a while only where there was one. */
export function isNotYet(code: ErrorCode, wasThere: boolean): boolean {
  if (code === 'target.refused' || code === 'agent.unknown') return false;
  return NOT_YET.has(code) && (wasThere || code !== 'route.none');
}

/** The first success, or the last failure once `waitMs` have passed; with 0 one attempt. An abort ends the pause, and the failure stands. */
export async function tryFor<T>(waitMs: number, attempt: () => Promise<T>, clock: Clock, signal: AbortSignal, curable = NOT_YET): Promise<T> {
  const end = clock.monotonic() + waitMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      const left = end - clock.monotonic();
      if (left <= 0 || signal.aborted || !(error instanceof TunnelError) || !curable.has(error.code)) throw error;
      await clock.sleep(Math.min(PAUSE_MS, left), signal);
    }
  }
}
