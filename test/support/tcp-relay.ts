// A TCP path that a test can silence: what is sent on it arrives nowhere any more, and nobody is told.
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import type { SocketAddress } from '../../src/lib/base/world.ts';

export interface TcpRelay {
  readonly at: SocketAddress;
  silence(): void;
  /** The same for every connection from now on, until `open`. */
  shut(): void;
  open(): void;
  /** Takes so many connections more; those after them are refused. */
  allow(count: number): void;
}

export async function tcpRelay(t: TestContext, to: SocketAddress): Promise<TcpRelay> {
  const sockets = new Set<Socket>();
  let allowed = Number.POSITIVE_INFINITY;
  let isOpen = true;
  const server = createServer((near) => {
    if (--allowed === 0) server.close();
    if (!isOpen) return void sockets.add(near.on('error', () => {}).resume());
    const far = connect({ host: to.address, port: to.port });
    for (const [from, into] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.pipe(into);
      from.on('error', () => {}).once('close', () => into.destroy());
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const at = server.address();
  if (at === null || typeof at !== 'object') throw new Error('a TCP server has a port');
  const silence = () => {
    for (const socket of sockets) socket.unpipe().resume();
  };
  return {
    at: { address: at.address, port: at.port },
    silence,
    shut() {
      isOpen = false;
      silence();
    },
    open() {
      isOpen = true;
    },
    allow(count) {
      allowed = count;
      if (count === 0) server.close();
      else if (!server.listening) server.listen(at.port, at.address);
    },
  };
}
