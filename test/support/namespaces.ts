// Two hosts on one machine: network namespaces joined by a veth pair. Root on Linux only; gone with the test.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import type { TestContext } from 'node:test';
import { run } from './cli.ts';
import { lacking } from './programs.ts';

export interface Host {
  /** Prefix of a command that runs on it. */
  readonly exec: readonly string[];
  readonly address: string;
}

/** For a test's `skip` option. */
export function noNamespaces(): string | false {
  if (process.platform !== 'linux') return 'network namespaces are Linux only';
  if (process.getuid?.() !== 0) return 'network namespaces need root';
  return lacking('ip', 'nft');
}

export async function twoHosts(t: TestContext): Promise<{ left: Host; right: Host }> {
  const [leftName, rightName] = [`tunnel-l${process.pid}`, `tunnel-r${process.pid}`];
  const ip = async (...args: string[]) => {
    const { code, stderr } = await run('ip', args);
    if (code !== 0) throw new Error(`ip ${args.join(' ')}: ${stderr}`);
  };
  for (const name of [leftName, rightName]) {
    await ip('netns', 'add', name);
    t.after(() => {
      spawnSync('ip', ['netns', 'delete', name]);
    });
    await ip('-n', name, 'link', 'set', 'lo', 'up');
  }
  await ip('link', 'add', 'veth0', 'netns', leftName, 'type', 'veth', 'peer', 'name', 'veth0', 'netns', rightName);
  const host = async (name: string, address: string): Promise<Host> => {
    await ip('-n', name, 'address', 'add', `${address}/24`, 'dev', 'veth0');
    await ip('-n', name, 'link', 'set', 'veth0', 'up');
    return { exec: ['ip', 'netns', 'exec', name], address };
  };
  return { left: await host(leftName, '10.77.0.1'), right: await host(rightName, '10.77.0.2') };
}

/** A command on that host, which must succeed. */
export async function runOn(host: Host, ...[command, ...args]: [string, ...string[]]): Promise<void> {
  const { code, stderr } = await run(command, args, { on: host.exec });
  assert.equal(code, 0, stderr);
}
