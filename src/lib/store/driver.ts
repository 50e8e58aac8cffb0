// Kysely's asynchronous way to the worker: one lease at a time, and a deadline from the moment a caller asks for it.
import {
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely';
import { TunnelError } from '../base/errors.ts';
import type { Clock } from '../base/world.ts';
import type { SqlValue } from './messages.ts';
import { busyError } from './store-error.ts';
import type { Result, WorkerThread } from './worker-thread.ts';

/** The worker gives up waiting for a lock this much earlier than its caller, so that nothing is done after `store.busy` was said. */
const HEAD_START_MS = 100;

export interface DriverOptions {
  readonly thread: WorkerThread;
  readonly path: string;
  readonly clock: Clock;
  /** For a whole transaction, or one statement outside of any, waiting for a turn included. */
  readonly callMs: number;
}

export function workerDialect(driver: WorkerDriver): Dialect {
  return {
    createAdapter: () => new OneLeaseAdapter(),
    createDriver: () => driver,
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  };
}

/** Kysely's own queue for a single connection knows no deadline, so the driver keeps the queue. */
class OneLeaseAdapter extends SqliteAdapter {
  override get supportsMultipleConnections(): boolean {
    return true;
  }
}

export class WorkerDriver implements Driver {
  readonly #options: DriverOptions;
  readonly #waiting: (() => void)[] = [];
  #leased = false;
  #destroyed = false;

  constructor(options: DriverOptions) {
    this.#options = options;
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<Lease> {
    if (this.#destroyed) throw new TunnelError('internal', `the store ${this.#options.path} is closed`);
    const lease = new Lease(this.#options);
    if (this.#leased) await this.#turn(lease);
    this.#leased = true;
    return lease;
  }

  #turn(lease: Lease): Promise<void> {
    return new Promise((resolve, reject) => {
      const mine = () => {
        deadline.cancel();
        resolve();
      };
      const deadline = this.#options.clock.after(lease.remainingMs(), () => {
        this.#waiting.splice(this.#waiting.indexOf(mine), 1);
        reject(busyError(this.#options.path));
      });
      this.#waiting.push(mine);
    });
  }

  /** The next one's turn comes once the worker is idle and no transaction is open, also after a deadline. */
  async releaseConnection(lease: Lease): Promise<void> {
    const next = () => {
      const turn = this.#waiting.shift();
      if (turn === undefined) this.#leased = false;
      else turn();
    };
    if (lease.isClean()) next();
    else void lease.recover().finally(next);
  }

  async beginTransaction(lease: Lease): Promise<void> {
    await lease.executeQuery(CompiledQuery.raw('begin immediate'));
  }

  async commitTransaction(lease: Lease): Promise<void> {
    await lease.executeQuery(CompiledQuery.raw('commit'));
  }

  async rollbackTransaction(lease: Lease): Promise<void> {
    lease.leaveToRollBack(); // the release does it, when the worker is free for it
  }

  /** Lets the lease that there is finish, then closes the file. */
  async destroy(): Promise<void> {
    const { thread, clock, callMs } = this.#options;
    this.#destroyed = true;
    if (this.#leased) await this.#turn(new Lease(this.#options)).catch(() => {});
    await thread.close(clock, callMs);
  }
}

class Lease implements DatabaseConnection {
  readonly #options: DriverOptions;
  readonly #endsAt: number;
  #unanswered = 0;
  #mustRollBack = false;

  constructor(options: DriverOptions) {
    this.#options = options;
    this.#endsAt = options.clock.monotonic() + options.callMs;
  }

  remainingMs(): number {
    return Math.max(0, this.#endsAt - this.#options.clock.monotonic());
  }

  async executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
    const remaining = this.remainingMs();
    if (remaining === 0) throw busyError(this.#options.path);
    const waitMs = Math.max(0, remaining - HEAD_START_MS);
    const { promise: late, reject } = Promise.withResolvers<never>();
    using _deadline = this.#options.clock.after(remaining, () => reject(busyError(this.#options.path)));
    const { rows, changes } = await Promise.race([this.#ask(sql, parameters.map(sqlValue), waitMs), late]);
    return { rows: rows as R[], numAffectedRows: BigInt(changes) }; // what the schema says; the tables parse what is JSON
  }

  async #ask(sql: string, parameters: SqlValue[], waitMs: number): Promise<Result> {
    this.#unanswered++;
    try {
      return await this.#options.thread.ask({ kind: 'run', sql, parameters, waitMs });
    } finally {
      this.#unanswered--;
    }
  }

  leaveToRollBack(): void {
    this.#mustRollBack = true;
  }

  isClean(): boolean {
    return this.#unanswered === 0 && !this.#mustRollBack;
  }

  /** The worker answers in order, so nothing of this lease runs any more when this resolves. */
  async recover(): Promise<void> {
    await this.#options.thread.ask({ kind: 'reset' }).catch(() => {});
  }

  // biome-ignore lint/correctness/useYield: no table is ever streamed
  async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new TunnelError('internal', 'the store does not stream');
  }
}

function sqlValue(value: unknown): SqlValue {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint' || value === null || value instanceof Uint8Array) return value;
  throw new TunnelError('internal', `the store keeps no ${typeof value}`);
}
