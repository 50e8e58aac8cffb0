// A disk of a size that a test decides: a file system in memory, in a mount namespace of its own, so that nothing of it outlives the test. Root on Linux only.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { run, temporaryFolder } from './cli.ts';
import { lacking } from './programs.ts';

export interface SmallDisk {
  /** Where it is mounted, for commands that run on it. */
  readonly path: string;
  /** Prefix of a command that sees it. */
  readonly on: readonly string[];
  /** The same files as this process reaches them. */
  seen(...names: string[]): string;
  /** Takes what is left. */
  fill(): void;
  free(): void;
  /** Of the mount: `ro`, `rw`, `size=4m`. */
  remount(option: string): Promise<void>;
}

/** For a test's `skip` option. */
export function noSmallDisk(): string | false {
  if (process.platform !== 'linux') return 'mount namespaces are Linux only';
  if (process.getuid?.() !== 0) return 'mount namespaces need root';
  if (spawnSync('sh', ['-c', 'unshare -m true']).status !== 0) return 'no mount namespaces here';
  return lacking('unshare', 'nsenter', 'mount');
}

export async function smallDisk(t: TestContext, size: string): Promise<SmallDisk> {
  const path = join(temporaryFolder(t), 'disk');
  mkdirSync(path);
  const script = 'mount -t tmpfs -o "size=$1,mode=0700" tunnel-test "$0" && echo ready && exec cat';
  const keeper = spawn('sh', ['-c', `exec unshare -m --propagation private sh -c '${script}' "$0" "$1"`, path, size], { stdio: ['pipe', 'pipe', 'inherit'] });
  t.after(() => keeper.kill());
  await once(keeper.stdout, 'data');
  const on = ['nsenter', '-m', '-t', String(keeper.pid), '--'];
  const seen = (...names: string[]) => join(`/proc/${keeper.pid}/root`, path, ...names);
  return {
    path,
    on,
    seen,
    fill() {
      for (let bytes = 1024 * 1024; bytes >= 1; bytes = Math.floor(bytes / 4)) {
        for (;;) {
          try {
            writeFileSync(seen('ballast'), new Uint8Array(bytes), { flag: 'a' });
          } catch {
            break; // no room for that much
          }
        }
      }
    },
    free: () => rmSync(seen('ballast'), { force: true }),
    async remount(option) {
      const { code, stderr } = await run('mount', ['-o', `remount,${option}`, path], { on });
      assert.equal(code, 0, stderr);
    },
  };
}
