// Child processes of a benchmark: started, waited for by what they say, ended together.
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

export interface Started<T> {
  readonly pid: number;
  readonly said: T;
}

/** Starts a module that sends `{ port }` once it listens. */
export async function forkListener(module: URL, args: string[], stack: AsyncDisposableStack): Promise<Started<number>> {
  const child = fork(module, args, { stdio: 'inherit' });
  stack.defer(() => end(child));
  const [message] = await once(child, 'message');
  return { pid: child.pid ?? 0, said: (message as { port: number }).port };
}

/** Starts a program and resolves with the first line of its output that `read` accepts. */
export async function spawnUntil<T>(
  command: string,
  args: string[],
  from: 'stdout' | 'stderr',
  read: (line: string) => T | undefined,
  stack: AsyncDisposableStack,
): Promise<Started<T>> {
  const child = spawn(command, args, { stdio: ['ignore', from === 'stdout' ? 'pipe' : 'ignore', from === 'stderr' ? 'pipe' : 'inherit'] });
  stack.defer(() => end(child));
  const output = child[from];
  if (output === null) throw new Error(`${command} has no ${from}`);
  for await (const line of createInterface({ input: output })) {
    const found = read(line);
    if (found !== undefined) {
      output.resume();
      return { pid: child.pid ?? 0, said: found };
    }
  }
  throw new Error(`${command} ${args.join(' ')} ended without saying that it is ready`);
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const forced = setTimeout(() => child.kill('SIGKILL'), 5000);
  await exited;
  clearTimeout(forced);
}
