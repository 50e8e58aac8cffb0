// A lock as a person reads it.
import type { LockShown } from '../api/locks.ts';

/** Empty where nothing is locked. */
export function lockText(lock: LockShown | null): string {
  if (lock === null) return '';
  return lock.reason === null ? `since ${lock.since}` : `since ${lock.since}: ${lock.reason}`;
}
