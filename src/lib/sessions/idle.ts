// When a session has been idle for too long; its owner keeps one timer.
export type IdleVerdict = { readonly idle: true } | { readonly idle: false; readonly askAgainAt: number };

/** Ends a session whose operator has done nothing for `limit` ms. An open socket is not activity. */
export function judgeIdle(lastActivity: number, limit: number, now: number): IdleVerdict {
  const end = lastActivity + limit;
  return now >= end ? { idle: true } : { idle: false, askAgainAt: end };
}
