// Buffers for outgoing datagrams and their way to one UDP socket, shared by the links of an endpoint: no send error is ever fatal.
import type { Log, SocketAddress, UdpSocket } from '../../base/world.ts';
import { LARGEST_PACKET_BYTES } from './packet.ts';

// More than this many under way means that the socket's buffer is full: links wait their turn.
const MOST_UNDER_WAY = 256;
const ERRORS_LOGGED_EVERY_MS = 10_000;

export class Datagrams {
  readonly #socket: UdpSocket;
  readonly #log: Log;
  readonly #monotonic: () => number;
  readonly #spare: Buffer[] = [];
  readonly #waiting = new Set<() => void>();
  readonly #drained: (() => void)[] = [];
  #underWay = 0;
  readonly #quietUntil = new Map<string, number>();

  constructor(socket: UdpSocket, log: Log, monotonic: () => number) {
    this.#socket = socket;
    this.#log = log;
    this.#monotonic = monotonic;
  }

  /** A buffer of LARGEST_PACKET_BYTES, or undefined when too much is under way; then `wake` is called later. Last words have no `wake` and never wait. */
  take(wake?: () => void): Buffer | undefined {
    if (wake === undefined || this.#underWay < MOST_UNDER_WAY) return this.#spare.pop() ?? Buffer.allocUnsafeSlow(LARGEST_PACKET_BYTES);
    this.#waiting.add(wake);
    return undefined;
  }

  putBack(buffer: Buffer): void {
    this.#spare.push(buffer);
  }

  /** Sends the first `bytes` of a taken buffer, which is then no longer the caller's. `onError` hears the errno, once for each datagram. */
  send(buffer: Buffer, bytes: number, to: SocketAddress, onError: (errno: string, bytes: number) => void): void {
    this.#underWay += 1;
    this.#socket.send(buffer.subarray(0, bytes), to, (error) => {
      this.#underWay -= 1;
      this.#spare.push(buffer);
      if (error) {
        const errno = 'code' in error ? String(error.code) : error.message;
        this.#report(errno, to);
        onError(errno, bytes);
      }
      const waiting = [...this.#waiting];
      this.#waiting.clear();
      for (const wake of waiting) wake();
      if (this.#underWay === 0) for (const resolve of this.#drained.splice(0)) resolve();
    });
  }

  /** Resolves when nothing is under way. */
  async drained(): Promise<void> {
    if (this.#underWay > 0) await new Promise<void>((resolve) => this.#drained.push(resolve));
  }

  /** A firewall's EPERM or a full queue is a lost packet; QUIC sends it again. */
  #report(errno: string, to: SocketAddress): void {
    const now = this.#monotonic();
    if (now < (this.#quietUntil.get(errno) ?? 0)) return;
    this.#quietUntil.set(errno, now + ERRORS_LOGGED_EVERY_MS);
    this.#log.warn({ errno, to }, 'datagram not sent');
  }
}
