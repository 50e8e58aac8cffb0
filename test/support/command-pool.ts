// Runs many commands in a few processes (command-worker.ts), several at once: a process for each would take a minute of start-up alone.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Finished } from './cli.ts';
import type { Answered, Asked } from './command-worker.ts';
import { cleanEnvironment } from './environment.ts';

const WORKER = fileURLToPath(new URL('command-worker.ts', import.meta.url));
const TAKES_MS = 30_000;

export class CommandPool implements AsyncDisposable {
  readonly #idle: ChildProcess[];
  readonly #all: readonly ChildProcess[];
  readonly #waiting: ((worker: ChildProcess) => void)[] = [];
  #lastId = 0;

  constructor(size: number) {
    const env = cleanEnvironment();
    this.#all = Array.from({ length: size }, () => fork(WORKER, { env, execArgv: [], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] }));
    this.#idle = [...this.#all];
  }

  /** Waits for a process that is free. */
  async run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Finished> {
    const worker = this.#idle.pop() ?? (await new Promise<ChildProcess>((resolve) => this.#waiting.push(resolve)));
    const asked: Asked = { id: ++this.#lastId, args, env };
    const answer = once(worker, 'message', { signal: AbortSignal.timeout(TAKES_MS) });
    worker.send(asked);
    const [{ code, stdout, stderr }] = (await answer.catch((cause: unknown) => {
      throw new Error(`tunnel ${args.join(' ')} gave no answer, exit code of its process ${worker.exitCode}`, { cause });
    })) as [Answered];
    const next = this.#waiting.shift();
    if (next === undefined) this.#idle.push(worker);
    else next(worker);
    return { code, stdout, stderr, json: () => JSON.parse(stdout) as Record<string, unknown> };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(
      this.#all.map(async (worker) => {
        if (worker.exitCode !== null || worker.signalCode !== null) return;
        const ended = once(worker, 'exit');
        worker.disconnect();
        await ended;
      }),
    );
  }
}
