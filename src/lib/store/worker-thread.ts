// The main thread's end of the store's worker: a question becomes a promise, and a deadline or the death of the worker ends it.
import { Worker } from 'node:worker_threads';
import { TunnelError } from '../base/errors.ts';
import type { Clock } from '../base/world.ts';
import type { Answer, Question, SqlRow, WorkerStart } from './messages.ts';
import { errorOf } from './store-error.ts';

type Ask = Question extends infer Each ? (Each extends Question ? Omit<Each, 'id'> : never) : never;
export interface Result {
  readonly rows: SqlRow[];
  readonly changes: number;
}

interface Pending {
  resolve(result: Result): void;
  reject(error: Error): void;
}

// `.ts` when Node runs the sources as they are, `.js` in dist.
const WORKER_FILE = new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url);

export class WorkerThread {
  readonly #worker: Worker;
  readonly #path: string;
  readonly #pending = new Map<number, Pending>();
  readonly #exited: Promise<void>;
  #lastId = 0;
  #ended: Error | undefined;

  private constructor(start: WorkerStart) {
    this.#path = start.path;
    this.#worker = new Worker(WORKER_FILE, { workerData: start, name: 'store' });
    this.#worker.on('message', (answer: Answer) => this.#settle(answer));
    this.#worker.on('error', (cause) => this.#fail(new TunnelError('internal', `the worker of the store ${this.#path} failed`, { cause })));
    this.#exited = new Promise((resolve) =>
      this.#worker.once('exit', () => {
        this.#fail(new TunnelError('internal', `the worker of the store ${this.#path} has ended`));
        resolve();
      }),
    );
  }

  /** Errors: store.busy, store.corrupt, file.failed. */
  static async start(path: string, waitMs: number): Promise<WorkerThread> {
    const thread = new WorkerThread({ path, waitMs });
    try {
      await new Promise<Result>((resolve, reject) => thread.#pending.set(0, { resolve, reject }));
      return thread;
    } catch (error) {
      await thread.#exited;
      throw error;
    }
  }

  /** Settles with the worker's answer, however long that takes, or when the worker dies. */
  ask(question: Ask): Promise<Result> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#worker.postMessage({ ...question, id } satisfies Question);
    });
  }

  /** Closes the file and ends the thread. One that does not answer within `waitMs` (a dead disk) is left behind, which costs no committed row. */
  async close(clock: Clock, waitMs: number): Promise<void> {
    const { promise: late, resolve: giveUp } = Promise.withResolvers<void>();
    using _deadline = clock.after(waitMs, giveUp);
    const asked = this.ask({ kind: 'close' }).catch(() => {}); // it has ended by itself, or will be abandoned
    await Promise.race([asked.then(() => this.#exited), late.then(() => this.#abandon())]);
  }

  #abandon(): void {
    this.#worker.unref();
    void this.#worker.terminate(); // takes effect when the thread comes back from SQLite
    this.#fail(new TunnelError('internal', `the worker of the store ${this.#path} was abandoned`));
  }

  #settle(answer: Answer): void {
    const pending = this.#pending.get(answer.id);
    this.#pending.delete(answer.id);
    if (answer.kind === 'failed') pending?.reject(errorOf(answer.failure, this.#path));
    else pending?.resolve(answer.kind === 'done' ? answer : { rows: [], changes: 0 });
  }

  #fail(error: Error): void {
    this.#ended ??= error;
    for (const { reject } of this.#pending.values()) reject(this.#ended);
    this.#pending.clear();
  }
}
