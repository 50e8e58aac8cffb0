// The store of a gateway: opens the file in its worker thread and gives every table, alone or in a transaction.
import { CamelCasePlugin, Kysely } from 'kysely';
import { LIMITS } from '../base/limits.ts';
import type { World } from '../base/world.ts';
import { agentsTable } from './agents.ts';
import { auditTable } from './audit.ts';
import { certificatesTable } from './certificates.ts';
import { WorkerDriver, workerDialect } from './driver.ts';
import { expiryWarningsTable } from './expiry-warnings.ts';
import { migrate } from './migrate.ts';
import { credentialsTable, operatorsTable } from './operators.ts';
import { policyTable } from './policy.ts';
import type { Schema } from './schema.ts';
import { sessionsTable } from './sessions.ts';
import { settingsTable } from './settings.ts';
import { tokensTable } from './tokens.ts';
import { WorkerThread } from './worker-thread.ts';

export type Tables = ReturnType<typeof tablesOn>;

/** Every method rejects with `store.busy` when it is not done within the deadline; `store.corrupt`, `file.failed` and StoreError besides. */
export interface Store extends Tables, AsyncDisposable {
  /**
   * All or nothing. `work` uses only the tables it is given (the store's own would wait for it) and awaits nothing slow:
   * one deadline holds for the whole of it, and every other call waits meanwhile.
   */
  transaction<T>(work: (tables: Tables) => Promise<T>): Promise<T>;
}

/** Makes the file (mode 0600) where none is. Errors: `store.busy`, `store.corrupt`, `store.newer`, `file.failed`. */
export async function openStore(path: string, world: Pick<World, 'clock'>, limits: { readonly storeCallMs: number } = LIMITS): Promise<Store> {
  const { clock } = world;
  const callMs = limits.storeCallMs;
  const driver = new WorkerDriver({ thread: await WorkerThread.start(path, callMs), path, clock, callMs });
  const db = new Kysely<Schema>({ dialect: workerDialect(driver), plugins: [new CamelCasePlugin()] });
  let closing: Promise<void> | undefined;
  const close = () => (closing ??= driver.destroy()); // not Kysely's, which ends only what it started
  try {
    await migrate(db, path);
  } catch (error) {
    await close();
    throw error;
  }
  return {
    ...tablesOn(db, clock),
    transaction: (work) => db.transaction().execute((transaction) => work(tablesOn(transaction, clock))),
    [Symbol.asyncDispose]: close,
  };
}

function tablesOn(db: Kysely<Schema>, clock: World['clock']) {
  return {
    /** The clock by which every row is written, in ms since 1970. */
    now: () => clock.now(),
    agents: agentsTable(db, clock),
    certificates: certificatesTable(db, clock),
    tokens: tokensTable(db, clock),
    operators: operatorsTable(db, clock),
    credentials: credentialsTable(db, clock),
    sessions: sessionsTable(db, clock),
    audit: auditTable(db, clock),
    policy: policyTable(db, clock),
    settings: settingsTable(db),
    expiryWarnings: expiryWarningsTable(db, clock),
  };
}
