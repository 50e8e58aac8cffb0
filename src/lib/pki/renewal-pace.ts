// How patient both ends of a renewal are, and when people are warned: shorter for a certificate that lives shortly, so that one of a minute is renewed as surely as one of a year.
import { BACKDATED_MS } from './authority.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Ms since 1970. */
export interface Validity {
  readonly notBefore: number;
  readonly notAfter: number;
}

/** Durations in ms. */
export interface RenewalPace {
  /** An agent waits a random part of this before it asks: many that were enrolled together, or whose clocks were set, do not come together. */
  readonly spreadMs: number;
  /** The wall clock may be set, and timers hold 24 days at most: looked at again at least this often. */
  readonly lookAgainMs: number;
  /** The gateway has so long to answer; protocol.md has the reference's own patience. */
  readonly answerMs: number;
  /** Not asked again before this, by whomever. */
  readonly leastBetweenMs: number;
  /** After a failure, at least. */
  readonly retryLeastMs: number;
  /** People are told when no more than this is left: half of the time in which it should have been renewed. */
  readonly warnMs: number;
}

/** protocol.md: stock agents ask when no more than this is left. */
export const STOCK_RENEWS_WITHIN_MS = 15 * DAY;

export function renewalPace(validity: Validity): RenewalPace {
  const life = issuedLife(validity);
  return {
    spreadMs: Math.min(HOUR, life / 20),
    lookAgainMs: Math.min(HOUR, Math.max(SECOND, life / 20)),
    answerMs: Math.min(30 * SECOND, Math.max(SECOND, life / 12)),
    leastBetweenMs: Math.min(10 * SECOND, life / 20),
    retryLeastMs: Math.min(MINUTE, life / 20),
    warnMs: Math.min(STOCK_RENEWS_WITHIN_MS, life / 6),
  };
}

/** It should have been renewed by now: people are told. */
export function endsSoon(validity: Validity, now: number): boolean {
  return validity.notAfter - now <= renewalPace(validity).warnMs;
}

/** As renewalDue counts it. */
function issuedLife({ notBefore, notAfter }: Validity): number {
  const dated = notAfter - notBefore;
  return dated > BACKDATED_MS ? dated - BACKDATED_MS : dated;
}
