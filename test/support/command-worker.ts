// A process that runs commands of the built program one after the other, as bin/run.js runs one: for tables of many. Each answer is what a process of its own would have shown.
import { execute } from '@oclif/core/execute';
import { root } from '../../scripts/read-commands.ts';

export interface Asked {
  readonly id: number;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

export interface Answered {
  readonly id: number;
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const said = { stdout: '', stderr: '' };
const real = { stdout: process.stdout.write, stderr: process.stderr.write };

process.stdout.setMaxListeners(0); // oclif adds one a command and leaves it

process.on('message', (message) => void answer(message as Asked)); // sent by command-pool.ts
process.once('disconnect', () => process.exit());

async function answer({ id, args, env }: Asked): Promise<void> {
  Object.assign(said, { stdout: '', stderr: '' });
  const before = { ...process.env };
  Object.assign(process.env, env);
  take('stdout');
  take('stderr');
  process.exitCode = 0;
  try {
    await execute({ args: [...args], loadOptions: { root } });
  } finally {
    process.stdout.write = real.stdout;
    process.stderr.write = real.stderr;
    process.env = before;
  }
  process.send?.({ id, code: Number(process.exitCode), ...said } satisfies Answered);
  process.exitCode = 0;
}

function take(name: 'stdout' | 'stderr'): void {
  process[name].write = (chunk: string | Uint8Array, ...rest: unknown[]) => {
    said[name] += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString();
    const done = rest.at(-1);
    if (typeof done === 'function') setImmediate(done as () => void);
    return true;
  };
}
