// The clients written on aioquic (test/attack/hostile.py, impostor.py) and the Python that can run them.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { text } from 'node:stream/consumers';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { pathOf } from './programs.ts';
import type { EnrolledAgent } from './second-agent.ts';

const HOSTILE = fileURLToPath(new URL('../attack/hostile.py', import.meta.url));
const IMPOSTOR = fileURLToPath(new URL('../attack/impostor.py', import.meta.url));
/** A virtual environment with test/attack/requirements.txt, or the system's Python where that has them. */
const PYTHON = process.env['TUNNEL_TEST_PYTHON'] ?? pathOf('python3');

/** For a test's `skip` option: false where aioquic is there. */
export function lackingAioquic(): string | false {
  if (PYTHON !== undefined && spawnSync(PYTHON, ['-c', 'import aioquic']).status === 0) return false;
  const missing = 'not installed: aioquic (pip install -r test/attack/requirements.txt, TUNNEL_TEST_PYTHON names its python)';
  if (process.env['TUNNEL_TEST_DEMANDS_PROGRAMS'] !== undefined) throw new Error(missing);
  return missing;
}

export interface Attack {
  readonly attack: string;
  readonly packets: number;
  readonly bytes: number;
  readonly seconds: number;
  /** How the gateway ended the link; null where it did not. */
  readonly ended: { readonly code: number; readonly reason: string } | null;
}

/** The names of all attacks. */
export function attacks(): string[] {
  const { status, stdout, stderr } = spawnSync(PYTHON ?? 'python3', [HOSTILE, 'list'], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as string[];
}

/** Runs one attack until its link ends or `seconds` have passed. */
export async function attack(t: TestContext, name: string, { udp, certificateFile, keyFile }: EnrolledAgent, seconds: number): Promise<Attack> {
  const args = [HOSTILE, name, udp.address, String(udp.port), certificateFile, keyFile, '--seconds', String(seconds)];
  const child: ChildProcess = spawn(PYTHON ?? 'python3', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  t.after(() => child.kill('SIGKILL'));
  if (!child.stdout || !child.stderr) throw new Error('no pipes');
  const [out, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const said = out.trim().split('\n').at(-1);
  if (!said?.startsWith('{')) throw new Error(`hostile.py ${name}: ${errors}`);
  return JSON.parse(said) as Attack;
}

/** What a client shows, leaf first, and the key that it signs with. */
export interface Shown {
  readonly name: string;
  readonly chain: readonly Uint8Array[];
  readonly keyPem: string | null;
}

export interface ShownTo {
  readonly name: string;
  readonly transport: 'quic' | 'tls';
  /** On the client's side; the server has judged nothing by then. */
  readonly completed: boolean;
  /** How the gateway ended it, in the client's words; null where it did not. */
  readonly ended: string | null;
}

/** Shows each of them over QUIC and over TLS, one after the other; each is waited for until the gateway has ended it, or for so many seconds. */
export async function show(
  t: Pick<TestContext, 'after'>,
  at: { host: string; tcp: number; udp: number; seconds: number },
  shown: readonly Shown[],
): Promise<ShownTo[]> {
  const cases = shown.map(({ name, chain, keyPem }) => ({ name, chain: chain.map((der) => Buffer.from(der).toString('base64')), key: keyPem }));
  const child = spawn(PYTHON ?? 'python3', [IMPOSTOR], { stdio: ['pipe', 'pipe', 'pipe'] });
  t.after(() => child.kill('SIGKILL'));
  child.stdin.end(JSON.stringify({ ...at, cases }));
  const [out, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const answers = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line || 'null') as ShownTo);
  if (answers.length !== 2 * shown.length) throw new Error(`impostor.py: ${errors}`);
  return answers;
}
