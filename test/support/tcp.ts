// Small real TCP programs for tests: targets that answer, half-close, reset or send for ever, and clients that look closely.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { Lasting } from './whole-suite.ts';

/** A target on loopback; its port. Connections it still has go with the test. */
export async function startTarget(t: Lasting, serve: (socket: Socket) => void, host = '127.0.0.1'): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    serve(socket);
  });
  server.listen(0, host);
  await once(server, 'listening');
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return (server.address() as AddressInfo).port;
}

export async function dial(t: Lasting, port: number, host = '127.0.0.1'): Promise<Socket> {
  const socket = connect({ host, port, allowHalfOpen: true, noDelay: true });
  t.after(() => socket.destroy());
  await once(socket, 'connect');
  return socket;
}

/** A connection to something that echoes; `echo` says a word and hears it again. */
export async function echoClient(t: Lasting, port: number): Promise<{ readonly socket: Socket; echo(word: string): Promise<void> }> {
  const socket = await dial(t, port);
  socket.on('error', () => {}); // the end of the test
  return {
    socket,
    async echo(word) {
      socket.write(word);
      assert.equal(String((await once(socket, 'data'))[0]), word);
    },
  };
}

/** How a connection ended, with what it brought. */
export interface Ending {
  readonly bytes: number;
  readonly sha256: string;
  readonly end: 'fin' | 'reset';
}

/** Reads to the end; a reset is told apart from an end. */
export async function readToEnd(socket: Socket): Promise<Ending> {
  const hash = createHash('sha256');
  let bytes = 0;
  const done = (end: 'fin' | 'reset'): Ending => ({ bytes, sha256: hash.digest('hex'), end });
  return await new Promise((resolve, reject) => {
    socket.on('data', (part: Buffer) => {
      bytes += part.length;
      hash.update(part);
    });
    socket.once('end', () => resolve(done('fin')));
    socket.once('error', (error: NodeJS.ErrnoException) => (error.code === 'ECONNRESET' || error.code === 'EPIPE' ? resolve(done('reset')) : reject(error)));
  });
}

/** `count` bytes that differ from place to place, made without keeping them. */
export function* pattern(count: number, seed = 1): Generator<Buffer> {
  const block = Buffer.alloc(64 * 1024);
  let state = seed >>> 0 || 1;
  for (let sent = 0; sent < count; ) {
    for (let index = 0; index < block.length; index += 4096) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      block.writeUInt32BE(state, index);
    }
    const part = Buffer.from(block.subarray(0, Math.min(block.length, count - sent)));
    sent += part.length;
    yield part;
  }
}

/** Says the pattern as fast as it is taken, and ends. */
export function sendPattern(socket: Socket, count: number): void {
  const parts = pattern(count);
  const more = () => {
    for (let part = parts.next(); ; part = parts.next()) {
      if (part.done) return void socket.end();
      if (!socket.write(part.value)) return void socket.once('drain', more);
    }
  };
  more();
}

export function patternSha256(count: number, seed = 1): string {
  const hash = createHash('sha256');
  for (const part of pattern(count, seed)) hash.update(part);
  return hash.digest('hex');
}

/** `count` connections at once to something that echoes: each gets back the bytes that it sent, each its own, and an end. */
export async function echoAtOnce(t: Lasting, port: number, count: number): Promise<void> {
  const one = async (index: number) => {
    const socket = await dial(t, port);
    const received = readToEnd(socket);
    const size = 20_000 + index * 100;
    for (const part of pattern(size, index + 1)) socket.write(part);
    socket.end();
    assert.deepEqual(await received, { bytes: size, sha256: patternSha256(size, index + 1), end: 'fin' });
  };
  await Promise.all(Array.from({ length: count }, (_, index) => one(index)));
}
