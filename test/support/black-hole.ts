// A TCP port on loopback that answers nothing, as behind a firewall that drops: its program is stopped and its queue is full. Linux.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { TestContext } from 'node:test';

const PROGRAM = "const server = require('net').createServer().listen({ host: '127.0.0.1', port: 0, backlog: 1 }, () => console.log(server.address().port))";
/** More than a backlog of 1 takes. */
const FILLERS = 4;

/** The port. */
export async function blackHole(t: TestContext): Promise<number> {
  const child = spawn(process.execPath, ['-e', PROGRAM], { stdio: ['ignore', 'pipe', 'ignore'] });
  const exited = once(child, 'exit');
  const fillers: Socket[] = [];
  t.after(async () => {
    for (const filler of fillers) filler.destroy();
    child.kill('SIGKILL');
    await exited;
  });
  const [said] = await once(child.stdout, 'data');
  const port = Number(String(said));
  assert.ok(port > 0);
  child.kill('SIGSTOP');
  for (let index = 0; index < FILLERS; index += 1) {
    const filler = connect({ host: '127.0.0.1', port }).on('error', () => {});
    fillers.push(filler);
    if (index === 0) await once(filler, 'connect');
  }
  return port;
}
