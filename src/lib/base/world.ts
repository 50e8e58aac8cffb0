// The one seam to the world: everything that reads a clock, rolls dice or does IO takes it from here, so that a simulation can stand in.
import type { Duplex } from 'node:stream';

export interface World {
  readonly clock: Clock;
  readonly random: Random;
  readonly net: Net;
  readonly files: Files;
  readonly log: Log;
}

export interface Clock {
  /** Milliseconds since 1970 in UTC. May jump either way; never measure a duration with it. */
  now(): number;
  /** Milliseconds, with fractions, from an arbitrary start; never goes back. */
  monotonic(): number;
  /** Resolves after `ms`, or at once when `signal` aborts. Never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Calls `callback` once after `ms` unless cancelled before. */
  after(ms: number, callback: () => void): Timer;
}

export interface Timer extends Disposable {
  cancel(): void;
}

/** Identifiers and jitter only: private keys come from node:crypto. */
export interface Random {
  bytes(count: number): Uint8Array;
  uuid(): string;
  /** Uniform in [0, 1). */
  fraction(): number;
}

export interface SocketAddress {
  readonly address: string;
  readonly port: number;
}

export interface ResolvedAddress {
  readonly address: string;
  readonly family: 4 | 6;
}

/** A place on this machine: a unix socket, or a named pipe on Windows. */
export interface LocalPath {
  readonly path: string;
}

/** What node:net gives: half-open allowed, Nagle off. */
export interface TcpSocket extends Duplex {
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
  readonly localAddress?: string | undefined;
  readonly localPort?: number | undefined;
  setKeepAlive(enable: boolean, initialDelayMs?: number): this;
  resetAndDestroy(): this;
}

export interface TcpListener extends AsyncDisposable {
  /** Where it listens: the port that was chosen when 0 was asked for. */
  readonly at: SocketAddress | LocalPath;
  /** Stops accepting; connections already accepted live on. */
  close(): Promise<void>;
}

export interface UdpSocket extends AsyncDisposable {
  readonly at: SocketAddress;
  /** `done` gets every send error, of any errno; nothing is thrown. The bytes may be reused once `done` was called. */
  send(datagram: Uint8Array, to: SocketAddress, done?: (error: Error | null) => void): void;
  close(): Promise<void>;
}

/** What the environment says of HTTP proxies, as it stands there: may hold a credential. streams/proxy-rule.ts reads it. */
export type ProxyEnvironment = {
  readonly [variable in 'https_proxy' | 'HTTPS_PROXY' | 'all_proxy' | 'ALL_PROXY' | 'no_proxy' | 'NO_PROXY']?: string | undefined;
};

export interface Net {
  readonly environment: ProxyEnvironment;
  /** Every address of `host`, in the resolver's order. An address literal resolves to itself. Error `dns.failed`. */
  resolve(host: string, signal: AbortSignal): Promise<ResolvedAddress[]>;
  /** Errors `target.refused`, `target.unreachable`; an abort rejects with the signal's reason. */
  connect(to: SocketAddress | LocalPath, signal: AbortSignal): Promise<TcpSocket>;
  /** Errors `port.in-use`, `address.not-here`. */
  listen(at: SocketAddress | LocalPath, onConnection: (socket: TcpSocket) => void): Promise<TcpListener>;
  /** `onDatagram` must copy what it keeps. Errors as `listen`. */
  bindUdp(at: SocketAddress, onDatagram: (datagram: Uint8Array, from: SocketAddress) => void): Promise<UdpSocket>;
  /** Addresses of this machine that are not loopback. */
  interfaces(): ResolvedAddress[];
  /** The address of this machine from which packets to `to` would leave now; undefined where no route leads there. Sends nothing. */
  sourceAddress(to: SocketAddress): Promise<string | undefined>;
}

export interface Files {
  /** The content, or undefined where no file is. Follows no symbolic link at the last step. */
  read(path: string): Promise<Uint8Array | undefined>;
  /** As `read`, but refuses a file that group or others can read, or that another user owns: `file.loose-mode`. */
  readSecret(path: string): Promise<Uint8Array | undefined>;
  /** SHA-256, lower-case hex, of what `readSecret` would give, however large; undefined where no file is. */
  digestSecret(path: string): Promise<string | undefined>;
  /** Refuses a file that `readSecret` would refuse, any link, and a file with a second name: for what is opened by others than us. Nothing there is fine. */
  judgePrivate(path: string): Promise<void>;
  /** Temporary file in the same directory, fsync, rename, fsync of the directory. `mode` as in chmod, 0o600 by default, whatever the umask. Replaces files only. */
  replaceAtomically(path: string, content: Uint8Array | string, mode?: number): Promise<void>;
  /** Adds to the end of a file (made with mode 0600, judged as `judgePrivate` does) and waits until it is on disk. */
  append(path: string, content: string): Promise<void>;
  /** Makes the directory and its parents with mode 0700; an existing one that others can enter or that another user owns is refused, `file.loose-mode`, and so is a link. */
  makePrivateDirectory(path: string): Promise<void>;
  /** Names in a directory; empty where there is none. */
  list(path: string): Promise<string[]>;
  /** Removes a file or a tree; nothing there is fine. */
  remove(path: string): Promise<void>;
  /** Removes what killed runs left of `replaceAtomically` in this directory. For whoever holds its lock. */
  removeTemporaries(directory: string): Promise<void>;
  /** What this user may still write to the disk of that folder. Error `file.failed`. */
  freeBytes(directory: string): Promise<number>;
  /** Held until disposed or until this process dies. `state.locked` where another process or handle holds it. */
  lock(path: string): Promise<AsyncDisposable>;
}

/** pino's shape. Fields are escaped by the writer; secrets are never passed. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  child(fields: object): Log;
}
