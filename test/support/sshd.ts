// A real sshd with keys of its own, and how ssh is told to use them.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { TestContext } from 'node:test';
import { run } from './cli.ts';
import { pathOf } from './programs.ts';

export interface Sshd {
  readonly port: number;
  /** For ssh: who logs in, and nothing of the machine's own configuration. */
  readonly identity: readonly string[];
  /** The same, and any host is taken for the right one. */
  readonly options: readonly string[];
}

/** A real sshd on loopback with keys of its own. */
export async function startSshd(t: TestContext, folder: string): Promise<Sshd> {
  for (const name of ['host', 'user']) assert.equal((await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, name)])).code, 0);
  writeFileSync(join(folder, 'authorized_keys'), readFileSync(join(folder, 'user.pub')), { mode: 0o600 });
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true });
  // sshd -i serves one connection on its standard input, so the port is one that we listen on ourselves.
  const config = join(folder, 'sshd_config');
  writeFileSync(
    config,
    [
      `HostKey ${folder}/host`,
      `AuthorizedKeysFile ${folder}/authorized_keys`,
      'StrictModes no',
      'UsePAM no',
      'PidFile none',
      'LogLevel ERROR',
      `Subsystem sftp ${pathOf('sftp-server') ?? 'internal-sftp'}`,
    ].join('\n'),
  );
  const listener = createTcpServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    const child = spawn(pathOf('sshd') ?? 'sshd', ['-i', '-e', '-f', config], { stdio: ['pipe', 'pipe', 'inherit'] });
    pipeline(socket, child.stdin).catch(() => socket.destroy());
    pipeline(child.stdout, socket).catch(() => child.kill());
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  t.after(() => listener.close());
  const identity = ['-F', 'none', '-i', join(folder, 'user'), '-o', 'BatchMode=yes'];
  const anyHost = ['-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null', '-o', 'LogLevel=ERROR'];
  return { port: (listener.address() as AddressInfo).port, identity, options: [...identity, ...anyHost] };
}
