// What SQLite's result codes mean to us: broken rules keep their table and column, everything else becomes a TunnelError.
import { TunnelError } from '../base/errors.ts';
import type { Failure } from './messages.ts';

// https://sqlite.org/rescode.html; the primary code is the low byte of the extended one.
const BUSY = 5;
const LOCKED = 6;
const READ_ONLY = 8;
const IO_ERROR = 10;
const CORRUPT = 11;
const FULL = 13;
const CANNOT_OPEN = 14;
const CONSTRAINT = 19;
const NOT_A_DATABASE = 26;

const RULES = { 275: 'check', 787: 'foreign-key', 1299: 'not-null', 1555: 'primary-key', 1811: 'trigger', 2067: 'unique' } as const;
export type BrokenRule = (typeof RULES)[keyof typeof RULES] | 'other';

/** A statement broke a rule of the schema. It changed nothing. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly rule: BrokenRule;
  /** `table.column` of a unique rule or primary key; empty otherwise. */
  readonly columns: readonly string[];

  constructor(rule: BrokenRule, message: string) {
    super(message);
    this.rule = rule;
    this.columns = [...(/failed: (.+)$/.exec(message)?.[1]?.matchAll(/\w+\.\w+/g) ?? [])].map(([column]) => column);
  }
}

/** Did this statement lose because another row has the value already? `column` as in `agents.name`. */
export function isUnique(error: unknown, column: string): boolean {
  return error instanceof StoreError && (error.rule === 'unique' || error.rule === 'primary-key') && error.columns.includes(column);
}

export function isForeignKey(error: unknown): boolean {
  return error instanceof StoreError && error.rule === 'foreign-key';
}

export function busyError(path: string): TunnelError {
  return new TunnelError('store.busy', `the store ${path} did not answer in time`, { hint: 'Another process holds it, or the disk is very slow; try again.' });
}

/** The error a caller gets for a failure of the worker: a StoreError for a broken rule, otherwise a TunnelError. */
export function errorOf({ message, errcode }: Failure, path: string): Error {
  if (errcode === undefined) return new TunnelError('internal', `the store failed: ${message}`);
  const cause = new Error(`SQLite ${errcode}: ${message}`);
  switch (errcode & 0xff) {
    case CONSTRAINT:
      return new StoreError(RULES[errcode as keyof typeof RULES] ?? 'other', message);
    case BUSY:
    case LOCKED:
      return busyError(path);
    case CORRUPT:
    case NOT_A_DATABASE:
      return corruptError(path, message);
    case FULL:
      return new TunnelError('file.failed', `the disk of ${path} is full`, { hint: 'Free some space: nothing was changed.', cause });
    case READ_ONLY:
      return new TunnelError('file.failed', `${path} cannot be written`, { hint: 'Check the owner, the mode and the mount of its folder.', cause });
    case CANNOT_OPEN:
    case IO_ERROR:
      return new TunnelError('file.failed', `cannot read or write ${path}: ${message}`, { hint: 'Check the disk and the folder.', cause });
    default:
      return new TunnelError('internal', `the store failed: ${message}`, { cause });
  }
}

export function corruptError(path: string, why: string): TunnelError {
  return new TunnelError('store.corrupt', `${path} is damaged: ${why}`, {
    hint: 'Restore it from a backup. It is never replaced by an empty one: what was revoked would be valid again.',
  });
}
