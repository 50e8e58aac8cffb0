// How large the packets of one connection may be: as the path allows at first, smaller once the system or the path shows that it does not.
import { SMALLEST_INITIAL_BYTES } from './packet.ts';

// Timeouts in a row without an answer after which large packets are suspected of getting lost on the path.
const TIMEOUTS_BEFORE_SMALLER = 3;
const SHORTEST_SILENCE_MS = 5;

export class PacketSize {
  #bytes: number;
  #timeoutAt = Number.NEGATIVE_INFINITY;
  #unanswered = 0;

  constructor(bytes: number) {
    this.#bytes = bytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Some systems send less than their loopback takes (EMSGSIZE); what was lost goes out again in smaller packets. */
  tooLarge(bytes: number): void {
    this.#bytes = Math.max(SMALLEST_INITIAL_BYTES, Math.min(this.#bytes, bytes >> 1));
  }

  /** The engine's timer rang; it also does when a packet is late but others came, and that is no timeout without an answer. Monotonic ms. */
  timedOut(now: number, heardAt: number): void {
    if (now - Math.max(heardAt, this.#timeoutAt) < SHORTEST_SILENCE_MS) return;
    this.#unanswered = heardAt > this.#timeoutAt ? 1 : this.#unanswered + 1;
    this.#timeoutAt = now;
    if (this.#unanswered >= TIMEOUTS_BEFORE_SMALLER) this.#bytes = SMALLEST_INITIAL_BYTES;
  }
}
