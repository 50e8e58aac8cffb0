// A lock on a row, for every table that has one: it holds from the statement that sets it until it is taken off.
export interface Lock {
  /** Ms since 1970. */
  readonly at: number;
  /** As its administrator put it. */
  readonly reason: string | null;
}

export interface LockColumns {
  lockedAt: number | null;
  lockReason: string | null;
}

export function lockOf({ lockedAt, lockReason }: LockColumns): Lock | null {
  return lockedAt === null ? null : { at: lockedAt, reason: lockReason };
}

/** Null takes the lock off. */
export function lockColumns(lock: Lock | null): LockColumns {
  return { lockedAt: lock?.at ?? null, lockReason: lock?.reason ?? null };
}
