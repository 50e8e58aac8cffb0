// Drives the real command line as a user's script would: processes, their output, their exit codes.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { cleanEnvironment } from './environment.ts';
import { assertPromised, assertPromisedEvent } from './promised.ts';
import type { Lasting } from './whole-suite.ts';

export const BIN = fileURLToPath(new URL('../../bin/run.js', import.meta.url));
const STOP_WITHIN_MS = 10_000;

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Standard output as the one JSON document it must be. */
  json(): Record<string, unknown>;
}

interface Options {
  readonly input?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Runs it on another host: the prefix of the command (namespaces.ts). */
  readonly on?: readonly string[];
}

/** Runs a command to its end; with --json, what it printed must be what docs/json promises. */
export async function tunnel(args: readonly string[], options: Options = {}): Promise<Finished> {
  const finished = await run(process.execPath, [BIN, ...args], options);
  if (finished.code !== null) await assertPromised(args, finished, options.env); // one that was killed promises nothing
  return finished;
}

export async function run(command: string, args: readonly string[], { input = '', env, cwd, on = [] }: Options = {}): Promise<Finished> {
  const [program = command, ...rest] = [...on, command, ...args];
  const child = spawn(program, rest, { env: cleanEnvironment(env), cwd, stdio: ['pipe', 'pipe', 'pipe'] });
  child.stdin.on('error', () => {}); // a command that reads no input
  child.stdin.end(input);
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { code, stdout, stderr, json: () => parseObject(stdout, stderr) };
}

/** Runs a command that must succeed. */
export async function succeed(args: readonly string[], options: Options = {}): Promise<Finished> {
  const finished = await tunnel(args, options);
  assert.equal(finished.code, 0, `tunnel ${args.join(' ')}: exit ${finished.code}\n${finished.stdout}\n${finished.stderr}`);
  return finished;
}

export interface Running {
  readonly child: ChildProcess;
  /** The next event of that name on standard output. */
  event(name: string): Promise<Record<string, unknown>>;
  /** Everything on standard error until now. */
  stderr(): string;
  /** SIGTERM, and the exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/** Starts a command with `--json` that keeps running; it is ended with the test. */
export function start(t: Lasting, args: readonly string[], options: Omit<Options, 'input'> = {}): Running {
  const [program = process.execPath, ...rest] = [...(options.on ?? []), process.execPath, BIN, ...args, '--json'];
  const child = spawn(program, rest, {
    env: cleanEnvironment(options.env),
    cwd: options.cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(child, 'exit');
  let errors = '';
  child.stderr.on('data', (part: Buffer) => {
    errors += part.toString();
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const stop = async (signal: NodeJS.Signals = 'SIGTERM') => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    const forced = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN_MS);
    await exited;
    clearTimeout(forced);
    return child.exitCode;
  };
  t.after(() => stop());
  return {
    child,
    stop,
    stderr: () => errors,
    async event(name) {
      for (;;) {
        const { value, done } = await lines.next();
        if (done) throw new Error(`tunnel ${args.join(' ')} ended without ${name}:\n${errors}`);
        const event = parseObject(value, errors);
        await assertPromisedEvent(args, event);
        if (event['event'] === name) return event;
        if (event['event'] === 'error' || 'error' in event) throw new Error(`tunnel ${args.join(' ')}: ${value}\n${errors}`);
      }
    },
  };
}

/** A folder of its own that goes with the test. */
export function temporaryFolder(t: Lasting): string {
  const folder = mkdtempSync(join(tmpdir(), 'tunnel-test-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function parseObject(line: string, stderr: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(line);
    assert.ok(typeof value === 'object' && value !== null);
    return value as Record<string, unknown>;
  } catch (cause) {
    throw new Error(`not one JSON document: ${line}\n${stderr}`, { cause });
  }
}
