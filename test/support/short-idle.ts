// A gateway whose sessions are idle after a short time: preloaded into its control, this shortens that one limit; all else is as it is.
import { isMainThread } from 'node:worker_threads';

const LIMIT = 'TUNNEL_SHORT_IDLE_MS';

/** The environment of such a gateway. */
export function shortIdle(idleMs: number): NodeJS.ProcessEnv {
  return { NODE_OPTIONS: `--import ${import.meta.url}`, [LIMIT]: String(idleMs) };
}

const idleMs = Number(process.env[LIMIT]);
if (idleMs > 0 && isMainThread) {
  const { LIMITS } = await import(new URL('../../dist/lib/base/limits.js', import.meta.url).href);
  Object.assign(LIMITS, { sessionIdleMs: idleMs, idleWarningMs: idleMs / 3 });
}
