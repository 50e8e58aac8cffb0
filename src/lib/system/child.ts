// A process of our own beside this one: started, spoken to, handed sockets, ended; and the same channel seen from inside it.
import { type ChildProcess, fork } from 'node:child_process';
import { getCompileCacheDir } from 'node:module';
import { Socket } from 'node:net';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TcpSocket } from '../base/world.ts';

export interface Child {
  /** 0 where none could be started. */
  readonly pid: number;
  /** In order; dropped when the process has ended. Structured clones: bigints and bytes arrive as they are. */
  send(message: unknown): void;
  /** Gives the socket away: what was read of it goes beside the message. Resolves when the child has it; a socket that it did not get is reset. */
  sendSocket(message: (received: Uint8Array) => unknown, socket: TcpSocket): Promise<void>;
  /** At once, whatever it does. */
  kill(): void;
  /** Closes the channel, which a child that can still listen takes as its end. */
  disconnect(): void;
  /** How it ended. Its ports are free then. */
  readonly ended: Promise<string>;
}

/** What a process needs of its parent's environment; secrets and options of Node stay behind. */
const INHERITED = ['LD_LIBRARY_PATH', 'SystemRoot', 'TEMP', 'TMP', 'TMPDIR', 'TZ'];

/** `module` runs with nothing but this channel and our standard error. */
export function startChild(module: URL, onMessage: (message: unknown) => void): Child {
  const child = fork(fileURLToPath(module), [], { serialization: 'advanced', stdio: ['ignore', 'ignore', 'inherit', 'ipc'], env: environment(), execArgv: [] });
  const { promise: ended, resolve } = Promise.withResolvers<string>();
  child.on('message', onMessage);
  child.once('exit', (code, signal) => resolve(signal === null ? `exit code ${code}` : `signal ${signal}`));
  child.on('error', (error) => {
    if (child.pid === undefined) resolve(`it could not be started: ${error.message}`);
  });
  const over = () => !child.connected || child.exitCode !== null || child.signalCode !== null;
  let handingOver: Promise<void> = Promise.resolve();
  return {
    pid: child.pid ?? 0,
    ended,
    send(message) {
      if (!over()) child.send(toPlain(message), () => {});
    },
    // One at a time: Node keeps back every later message until the child has taken a socket, and what waits there could not be reset any more.
    sendSocket(message, socket) {
      const turn = handingOver.then(() => (over() ? refuse(socket) : handOver(child, message, socket)));
      handingOver = Promise.race([turn, ended.then(() => {})]);
      return turn;
    },
    kill: () => void child.kill('SIGKILL'),
    disconnect() {
      if (child.connected) child.disconnect();
    },
  };
}

export interface Parent {
  send(message: unknown): void;
}

/**
 * Inside the child. It ends with the channel: signals that a terminal or systemd sends to the whole group are the parent's business.
 * What nobody caught goes to `onCrash` first, so that it is said the way everything is.
 */
export function connectParent(onMessage: (message: unknown, socket: TcpSocket | undefined) => void, onCrash: (error: unknown) => void): Parent {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
  process.once('uncaughtException', (error) => {
    onCrash(error);
    process.exit(1);
  });
  process.once('disconnect', () => process.exit(0));
  process.stderr.on('error', () => {}); // the parent's reader is gone, and so will the parent be
  process.on('message', (message: unknown, handle: unknown) => {
    if (!(handle instanceof Socket)) return onMessage(message, undefined);
    handle.allowHalfOpen = true; // lost on the way
    onMessage(message, handle);
  });
  return {
    send(message) {
      if (process.connected) process.send?.(toPlain(message), undefined, undefined, () => {});
    },
  };
}

/** Of this process, in bytes. */
export function residentBytes(): number {
  return process.memoryUsage.rss();
}

function handOver(child: ChildProcess, message: (received: Uint8Array) => unknown, socket: TcpSocket): Promise<void> {
  if (!(socket instanceof Socket)) throw new TypeError('only sockets of the system can be handed over');
  if (socket.destroyed) return Promise.resolve();
  stopReading(socket);
  const received: Uint8Array[] = [];
  for (let part: Buffer | null = socket.read(); part !== null; part = socket.read()) received.push(part);
  stopReading(socket);
  return new Promise((resolve) => {
    child.send(toPlain(message(Buffer.concat(received))), socket, { keepOpen: false }, (error) => {
      if (error !== null) refuse(socket);
      resolve();
    });
  });
}

/** Node has no public word for it, and drops what comes after the socket was sent but before the child took it. */
function stopReading(socket: Socket): void {
  const handle: unknown = Reflect.get(socket, '_handle');
  if (typeof handle !== 'object' || handle === null || !('readStop' in handle) || typeof handle.readStop !== 'function') return;
  handle.readStop();
  Reflect.set(handle, 'reading', false);
}

function refuse(socket: TcpSocket): void {
  socket.on('error', () => {}).resetAndDestroy();
}

function toPlain(message: unknown): object {
  if (typeof message !== 'object' || message === null) throw new TypeError('messages are objects');
  return message;
}

function environment(): NodeJS.ProcessEnv {
  const cache = getCompileCacheDir();
  const kept = Object.entries(process.env).filter(([name]) => INHERITED.includes(name));
  // Node adds a folder of its own below what it is given.
  return { ...Object.fromEntries(kept), ...(cache !== undefined && { NODE_COMPILE_CACHE: dirname(cache) }) };
}
