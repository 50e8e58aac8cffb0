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

/** Said by a child for each socket, so that the parent knows whose it is; Node's own word for that is not shown. */
const TAKEN = 'taken';
/** What a process needs of its parent's environment; secrets and options of Node stay behind. */
const INHERITED = ['LD_LIBRARY_PATH', 'SystemRoot', 'TEMP', 'TMP', 'TMPDIR', 'TZ'];

/** See bin/run.js, and compileHotCode(); a process that begins can have them as options. SIGUSR1 would open a debugger to every user of this machine. */
const OPTIONS = ['--max-semi-space-size=1', '--no-opt', '--no-maglev', '--disable-sigusr1'];

/** `module` runs with nothing but this channel and our standard error. */
export function startChild(module: URL, onMessage: (message: unknown) => void): Child {
  const child = fork(fileURLToPath(module), [], {
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: environment(),
    execArgv: OPTIONS,
  });
  const { promise: ended, resolve } = Promise.withResolvers<string>();
  let taken = Promise.withResolvers<void>();
  child.on('message', (message) => (message === TAKEN ? taken.resolve() : onMessage(message)));
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
      const turn = handingOver.then(async () => {
        if (over()) return refuse(socket);
        taken = Promise.withResolvers();
        await handOver(child, { whenTaken: taken.promise, ended }, message, socket);
      });
      handingOver = turn.catch(() => {}); // whoever gave that socket hears of it
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
  if (process.send === undefined) throw new Error('this module runs as a child of a program only'); // or nothing would ever end it
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
    process.send?.(TAKEN, undefined, undefined, () => {});
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

async function handOver(
  child: ChildProcess,
  { whenTaken, ended }: { readonly whenTaken: Promise<void>; readonly ended: Promise<unknown> },
  message: (received: Uint8Array) => unknown,
  socket: TcpSocket,
): Promise<void> {
  if (!(socket instanceof Socket)) throw new TypeError('only sockets of the system can be handed over');
  const handle = handleOf(socket);
  if (socket.destroyed || handle === undefined) return;
  // Node drops what comes after the socket was sent but before the child took it.
  handle.readStop();
  const received: Uint8Array[] = [];
  for (let part: Buffer | null = socket.read(); part !== null; part = socket.read()) received.push(part);
  handle.readStop(); // an empty buffer makes Node read again
  child.send(toPlain(message(Buffer.concat(received))), socket, { keepOpen: false }, () => {});
  // Where the child dies before it has taken it, Node leaves it open for good.
  if (!(await Promise.race([whenTaken.then(() => true), ended.then(() => false)]))) handle.reset();
}

/** What Node has no public word for. */
interface SocketHandle {
  readStop(): unknown;
  reset(): unknown;
}

function handleOf(socket: Socket): SocketHandle | undefined {
  const handle: unknown = Reflect.get(socket, '_handle');
  return isSocketHandle(handle) ? handle : undefined;
}

function isSocketHandle(handle: unknown): handle is SocketHandle {
  return handle instanceof Object && 'readStop' in handle && 'reset' in handle;
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
