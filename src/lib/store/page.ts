// Lists that are too long for one answer: a page, and where the next one begins.
export interface PageRequest {
  /** `next` of the page before; null for the first. */
  readonly after: string | null;
  readonly limit: number;
}

export interface Page<T> {
  readonly rows: T[];
  /** Null on the last page. */
  readonly next: string | null;
}

/** `found` holds up to `limit + 1` rows: one more than shown says that there is a next page. */
export function pageOf<T>(found: readonly T[], limit: number, cursorOf: (row: T) => string): Page<T> {
  const rows = found.slice(0, limit);
  const last = rows.at(-1);
  return { rows, next: found.length > limit && last !== undefined ? cursorOf(last) : null };
}
