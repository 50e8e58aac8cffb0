// When a QUIC link pings, and when its peer's silence has lasted too long. Pure: all times are monotonic ms, and the loop keeps the timer.
import type { Liveness } from '../liveness.ts';

// A peer that answers is where it was. Long enough for a ping that must be sent again, short enough that a peer that moved is soon told.
const DOUBT_MS = 1500;

export type Verdict = 'fine' | 'ping' | { readonly silent: string };

export class Patience {
  readonly #handshakeEndsAt: number;
  #liveness: Liveness | undefined;
  #pingedAt: number;
  #doubtedAt = Number.NEGATIVE_INFINITY;

  constructor(now: number, handshakeMs: number) {
    this.#pingedAt = now;
    this.#handshakeEndsAt = now + handshakeMs;
  }

  /** The handshake is done: from now on silence is judged. */
  established(liveness: Liveness): void {
    this.#liveness = liveness;
  }

  get isEstablished(): boolean {
    return this.#liveness !== undefined;
  }

  /** The peer may have moved: should it be asked at its old address? Not before the handshake is done, and not while an answer is waited for. */
  doubt(now: number): boolean {
    if (!this.#liveness || now < this.#doubtedAt + DOUBT_MS) return false;
    this.#doubtedAt = now;
    return true;
  }

  /** `heard` is when the last packet came that the engine could authenticate. A ping that it asks for counts as sent. */
  judge(now: number, heard: number): Verdict {
    if (!this.#liveness) return now >= this.#handshakeEndsAt ? { silent: 'the handshake did not complete in time' } : 'fine';
    if (now >= heard + this.#liveness.deadLinkMs) return { silent: 'nothing was received' };
    if (this.#doubtedAt > heard && now >= this.#doubtedAt + DOUBT_MS) return { silent: 'the peer has moved to another address' };
    if (now < Math.max(heard, this.#pingedAt) + this.#liveness.keepAliveMs) return 'fine';
    this.#pingedAt = now;
    return 'ping';
  }

  /** When `judge` may say something else; never too late. `datagramAt` is when anything at all came. */
  lookAgainAt(heard: number, datagramAt: number): number {
    if (!this.#liveness) return this.#handshakeEndsAt;
    const doubtEndsAt = this.#doubtedAt > heard ? this.#doubtedAt + DOUBT_MS : Number.POSITIVE_INFINITY;
    return Math.min(Math.max(datagramAt, this.#pingedAt) + this.#liveness.keepAliveMs, heard + this.#liveness.deadLinkMs, doubtEndsAt);
  }
}
