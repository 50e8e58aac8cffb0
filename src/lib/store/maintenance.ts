// What is done to a store's file as a whole: judging it and copying it, also while a gateway uses it.
import { z } from 'zod';
import { TunnelError } from '../base/errors.ts';
import type { World } from '../base/world.ts';
import type { SqlValue } from './messages.ts';
import { WorkerThread } from './worker-thread.ts';

const WAIT_MS = 10_000;
const MOST_FAULTS = 20;

const Integrity = z.array(z.object({ integrity_check: z.string() }));
const ForeignKeys = z.array(z.object({ table: z.string(), rowid: z.number().nullable(), parent: z.string() }));
const Version = z.tuple([z.object({ user_version: z.number() })]);

export interface StoreVerdict {
  /** Of its schema. */
  readonly version: number;
  /** In SQLite's words, the first twenty; none in a sound file. */
  readonly faults: readonly string[];
}

/** Changes nothing. The file must be there. Errors `store.corrupt` where it is no database at all, `store.busy`, `file.failed`. */
export async function checkStore(path: string, { clock }: Pick<World, 'clock'>): Promise<StoreVerdict> {
  return await onFile(path, clock, async (run) => {
    const integrity = Integrity.parse(await run(`pragma integrity_check(${MOST_FAULTS})`)).map((row) => row.integrity_check);
    const keys = ForeignKeys.parse(await run('pragma foreign_key_check'));
    const [{ user_version: version }] = Version.parse(await run('pragma user_version'));
    const dangling = keys.slice(0, MOST_FAULTS).map(({ table, rowid, parent }) => `row ${rowid} of ${table} names a row of ${parent} that is not there`);
    return { version, faults: [...integrity.filter((said) => said !== 'ok'), ...dangling] };
  });
}

/** One consistent moment of `from`, also while others write to it, into `to`, which is an empty file by then: its mode is kept. Errors as above. */
export async function copyStore(from: string, to: string, { clock }: Pick<World, 'clock'>): Promise<void> {
  await onFile(from, clock, (run) => run('vacuum into ?', to));
}

async function onFile<T>(
  path: string,
  clock: World['clock'],
  work: (run: (sql: string, ...parameters: SqlValue[]) => Promise<unknown[]>) => Promise<T>,
): Promise<T> {
  const thread = await WorkerThread.start(path, WAIT_MS);
  try {
    return await work(async (sql, ...parameters) => (await thread.ask({ kind: 'run', sql, parameters, waitMs: WAIT_MS })).rows);
  } catch (cause) {
    if (cause instanceof z.ZodError) throw new TunnelError('internal', `SQLite said something else than expected about ${path}`, { cause });
    throw cause;
  } finally {
    await thread.close(clock, WAIT_MS);
  }
}
