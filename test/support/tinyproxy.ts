// A real tinyproxy on loopback that demands Basic authentication, and what it says it carried.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { freePorts } from './free-ports.ts';
import { pathOf } from './programs.ts';

export interface Tinyproxy {
  readonly port: number;
  /** Targets of the CONNECTs until now, refused ones too. */
  asked(): string[];
}

/** Its words and numbers are those of tinyproxy.conf(5); user and password are of letters and digits there. */
export async function startTinyproxy(t: TestContext, folder: string, { user, password }: { user: string; password: string }): Promise<Tinyproxy> {
  const [port = 0] = await freePorts(1);
  const [config, log] = [join(folder, 'tinyproxy.conf'), join(folder, 'tinyproxy.log')];
  writeFileSync(
    config,
    [`Port ${port}`, 'Listen 127.0.0.1', `BasicAuth ${user} ${password}`, 'Timeout 60', `LogFile "${log}"`, 'LogLevel Connect', ''].join('\n'),
  );
  const child = spawn(pathOf('tinyproxy') ?? 'tinyproxy', ['-d', '-c', config], { stdio: 'ignore' });
  const exited = once(child, 'exit');
  t.after(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  while (!(await answers(port))) if (child.exitCode !== null) throw new Error(`tinyproxy ended with ${child.exitCode}`);
  return { port, asked: () => [...readFileSync(log, 'utf8').matchAll(/CONNECT (\S+) HTTP/g)].map(([, place = '']) => place) };
}

async function answers(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  return await new Promise((resolve) => {
    socket.once('connect', () => resolve(true)).once('error', () => setImmediate(resolve, false));
    socket.once('connect', () => socket.destroy());
  });
}
