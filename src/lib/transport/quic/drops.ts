// What the listener drops and why: counted for whoever asks, said in one line now and then, however many they are.
import type { Log, SocketAddress } from '../../base/world.ts';

export const DROP_REASONS = [
  'unreadable', // no QUIC header, or a sender that cannot be answered
  'moved', // for a link, from another address than its own
  'small', // long header, under 1200 bytes
  'unknown', // for no link, and no Initial
  'unanswered', // an answer was due, and this second's are spent
  'token', // an Initial whose token is not ours, or not whole
  'too-often', // this address began too many handshakes this second
  'half-open', // no room for one more handshake
  'stopping',
  'engine', // the engine threw
] as const;

export type DropReason = (typeof DROP_REASONS)[number];
export type DropCounts = Readonly<Record<DropReason, number>>;

const SAID_EVERY_MS = 60_000;

export class Drops {
  readonly #log: Log;
  readonly #counts: Record<DropReason, number>;
  #total = 0;
  #said = 0;
  #quietUntil = Number.NEGATIVE_INFINITY;

  constructor(log: Log) {
    this.#log = log;
    this.#counts = { unreadable: 0, moved: 0, small: 0, unknown: 0, unanswered: 0, token: 0, 'too-often': 0, 'half-open': 0, stopping: 0, engine: 0 };
  }

  get total(): number {
    return this.#total;
  }

  get counts(): DropCounts {
    return { ...this.#counts };
  }

  /** `now` in monotonic ms. The line names the last sender only: the address of a stranger proves nothing. */
  add(reason: DropReason, from: SocketAddress, now: number): void {
    this.#counts[reason] += 1;
    this.#total += 1;
    if (now < this.#quietUntil) return;
    this.#quietUntil = now + SAID_EVERY_MS;
    this.#log.info({ since: this.#total - this.#said, counts: this.counts, last: { reason, from } }, 'datagrams dropped');
    this.#said = this.#total;
  }
}
