// The peer that everyone has: an agent's `ssh -R` and an operator's `ssh -L` that meet at one sshd.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { freePorts } from '../../test/support/free-ports.ts';
import { spawnUntil } from '../process.ts';
import type { Chain } from '../run.ts';

const SSHD = ['/usr/sbin/sshd', '/usr/bin/sshd'].find((path) => existsSync(path));

export const openssh: Chain = {
  name: 'ssh -R and ssh -L',
  missing: SSHD === undefined || spawnSync('ssh', ['-V']).error ? 'needs openssh-client and openssh-server' : undefined,
  async start(targetPort, stack) {
    const folder = mkdtempSync(join(tmpdir(), 'bench-ssh-'));
    stack.defer(() => rmSync(folder, { recursive: true, force: true }));
    for (const name of ['host', 'user']) execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, name)]);
    writeFileSync(join(folder, 'authorized_keys'), readFileSync(join(folder, 'user.pub')), { mode: 0o600 });
    if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true });
    // OpenSSH takes no port 0 for local forwards.
    const [sshPort, middlePort, localPort] = await freePorts(3);
    writeFileSync(
      join(folder, 'sshd_config'),
      [
        `Port ${sshPort}`,
        'ListenAddress 127.0.0.1',
        `HostKey ${folder}/host`,
        `AuthorizedKeysFile ${folder}/authorized_keys`,
        'StrictModes no',
        'UsePAM no',
        `PidFile ${folder}/pid`,
        'MaxStartups 100',
        'Ciphers aes128-gcm@openssh.com',
      ].join('\n'),
    );
    const sshd = await spawnUntil(
      SSHD ?? 'sshd',
      ['-D', '-e', '-f', join(folder, 'sshd_config')],
      'stderr',
      (line) => line.includes('listening') || undefined,
      stack,
    );
    const ssh = (forward: string[]) =>
      spawnUntil(
        'ssh',
        [
          '-v',
          '-N',
          '-F',
          'none',
          '-i',
          join(folder, 'user'),
          '-o',
          'StrictHostKeyChecking=no',
          '-o',
          'UserKnownHostsFile=/dev/null',
          '-o',
          'ExitOnForwardFailure=yes',
          '-p',
          `${sshPort}`,
          ...forward,
          `${userInfo().username}@127.0.0.1`,
        ],
        'stderr',
        (line) => /remote forward success|Entering interactive session/.test(line) || undefined,
        stack,
      );
    const agent = await ssh(['-R', `127.0.0.1:${middlePort}:127.0.0.1:${targetPort}`]);
    const operator = await ssh(['-L', `127.0.0.1:${localPort}:127.0.0.1:${middlePort}`]);
    return { port: localPort ?? 0, pids: [sshd.pid, agent.pid, operator.pid] };
  },
};
