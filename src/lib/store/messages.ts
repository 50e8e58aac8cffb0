// What the store's two threads say to each other: plain data, one answer for each question.

export type SqlValue = string | number | bigint | null | Uint8Array;
export type SqlRow = Record<string, SqlValue>;

/** What the worker is started with. */
export interface WorkerStart {
  readonly path: string;
  /** How long opening may wait for a locked file, in ms. */
  readonly waitMs: number;
}

export type Question =
  /** `waitMs`: how long this statement may wait for a locked file. */
  | { readonly id: number; readonly kind: 'run'; readonly sql: string; readonly parameters: readonly SqlValue[]; readonly waitMs: number }
  /** Rolls back whatever a caller left open. */
  | { readonly id: number; readonly kind: 'reset' }
  | { readonly id: number; readonly kind: 'close' };

export type Answer =
  /** The first message, once the file is open. */
  | { readonly id: 0; readonly kind: 'open' }
  | { readonly id: number; readonly kind: 'done'; readonly rows: SqlRow[]; readonly changes: number }
  | { readonly id: number; readonly kind: 'failed'; readonly failure: Failure };

export interface Failure {
  readonly message: string;
  /** SQLite's extended result code; undefined when SQLite did not raise it. */
  readonly errcode: number | undefined;
}
