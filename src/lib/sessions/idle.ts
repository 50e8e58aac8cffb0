// When a session has been idle for too long, and when its operator is to be warned; its owner keeps one timer.
export type IdleVerdict = { readonly idle: true } | { readonly idle: false; readonly warn: boolean; readonly endsAt: number; readonly askAgainAt: number };

export interface IdleRule {
  readonly limitMs: number;
  /** How long before the end. */
  readonly warningMs: number;
}

/** Ends a session whose operator has done nothing for `limitMs`. An open socket is not activity. Asked when it said to, it warns once for each idle time. */
export function judgeIdle(lastActivity: number, { limitMs, warningMs }: IdleRule, now: number): IdleVerdict {
  const endsAt = lastActivity + limitMs;
  if (now >= endsAt) return { idle: true };
  const warnAt = endsAt - warningMs;
  return now >= warnAt ? { idle: false, warn: true, endsAt, askAgainAt: endsAt } : { idle: false, warn: false, endsAt, askAgainAt: warnAt };
}
