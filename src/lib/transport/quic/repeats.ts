// Which datagrams of one connection are worth sending again as they are, and when: the engine forgets some that matter, and waits a second for others.

// A receiver drops the second of two equal packets (RFC 9000 12.3), so a copy never does harm.
// Until the engine knows the round trip it waits a second, then two; and a first measurement that loss has spoilt makes it wait as long later.
const FIRST_AFTER_MS = 60;
const LONGEST_FIRST_WAIT_MS = 150;
const SHORTEST_WAIT_MS = 20;
const WAIT_IN_ROUND_TRIPS = 1.5;
const WAIT_FACTOR = 1.5;
const LONG_HEADER = 0x80;
const HEARD_IN_A_TRANSFER = 4;
const MOST_ACKNOWLEDGEMENTS = 8;
// With the Retry a handshake has five flights, of several datagrams each.
const OPENING_DATAGRAMS = 16;
// The engine takes a packet that is 128 behind the newest for an old one, so where packets get lost copies follow soon; elsewhere none is needed.
const FIRST_COPY_AFTER_MS = 3;
const FIRST_LOOK_AFTER_MS = 50;
const LOSSY_FOR_MS = 60_000;
const COPIES_OF_AN_END = 5;
const MOST_KEPT_BYTES = 256 * 1024;
const COPY_FACTOR = 3;
// Acknowledgements that still come so long after a datagram have told of its loss, if it was lost.
const DECIDED_AFTER_MS = 1000;

/** What the connection's engine says now. */
export interface Losses {
  /** Packets that it has found to be lost, ever. */
  readonly lost: number;
  /** Nothing waits for an acknowledgement. */
  readonly quiet: boolean;
  /** As it measures it; 0 when it has not yet. */
  readonly roundTripMs: number;
  /** Monotonic ms of the last datagram of the peer. */
  readonly heardAt: number;
}

interface End {
  readonly datagram: Uint8Array;
  readonly sentAt: number;
  copies: number;
  lookAt: number;
}

export class Repeats {
  readonly #send: (datagram: Uint8Array) => void;
  /** Since something was heard: the whole flight at first, later the newest datagram alone. */
  #unanswered: Buffer[] = [];
  #sent = 0;
  #established = false;
  #heard = 0;
  #answerAt = Number.POSITIVE_INFINITY;
  #firstWaitMs = FIRST_AFTER_MS;
  #waitMs = FIRST_AFTER_MS;
  readonly #ends = new Set<End>();
  #keptBytes = 0;
  /** The earliest of the ends' own. */
  #lookAt = Number.POSITIVE_INFINITY;
  #lost = 0;
  #lossyUntil = Number.NEGATIVE_INFINITY;

  constructor(send: (datagram: Uint8Array) => void) {
    this.#send = send;
  }

  /** Monotonic ms of the next call of `tick` that is worth making. */
  get at(): number {
    return Math.min(this.#answerAt, this.#lookAt);
  }

  /** The handshake is done. None of its datagrams goes out again: a gateway that has restarted would take the first of them for that of a new link. */
  established(): void {
    this.#established = true;
    this.#unanswered = [];
  }

  /** Which datagrams of a flush are to be shown to `sent`: all of the opening, then only the last. */
  get wanted(): 'all' | 'last' {
    return this.#sent < OPENING_DATAGRAMS ? 'all' : 'last';
  }

  /** A datagram has left. */
  sent(datagram: Uint8Array, now: number): void {
    if (this.#established && ((datagram[0] ?? 0) & LONG_HEADER) !== 0) return;
    const copy = this.wanted === 'last' ? this.#unanswered.splice(0)[0] : undefined;
    this.#sent += 1;
    if (copy && copy.buffer.byteLength >= datagram.length) this.#unanswered.push(overwrite(copy, datagram));
    else this.#unanswered.push(Buffer.from(Uint8Array.from(datagram).buffer));
    this.#answerAt = Math.min(this.#answerAt, now + this.#waitMs);
  }

  /** The peer goes on. What is still missing is the engine's to find, and the newest datagram makes the peer say what it has. */
  heard(now: number): void {
    this.#heard = Math.min(this.#heard + 1, HEARD_IN_A_TRANSFER * MOST_ACKNOWLEDGEMENTS);
    if (this.#unanswered.length > 1) this.#unanswered.splice(0, this.#unanswered.length - 1);
    this.#waitMs = this.#firstWaitMs;
    if (this.#unanswered.length > 0) this.#answerAt = now + this.#waitMs;
  }

  /**
   * A datagram with an end, a reset or a STOP_SENDING. The engine (quiche 0.18) sends no STOP_SENDING again, and no FIN or reset whose stream it
   * has freed meanwhile: its bytes were acknowledged, the other direction was over.
   */
  keepEnd(datagram: Uint8Array, now: number): void {
    const lookAt = now + (now < this.#lossyUntil ? FIRST_COPY_AFTER_MS : FIRST_LOOK_AFTER_MS);
    this.#ends.add({ datagram: Uint8Array.from(datagram), sentAt: now, copies: 0, lookAt });
    this.#lookAt = Math.min(this.#lookAt, lookAt);
    this.#keptBytes += datagram.length;
    for (const oldest of this.#ends) {
      if (this.#keptBytes <= MOST_KEPT_BYTES) return;
      this.#drop(oldest);
    }
  }

  /** `losses` is asked only when something must be judged. */
  tick(now: number, losses: () => Losses): void {
    let told: Losses | undefined;
    if (now >= this.#answerAt) {
      told = losses();
      this.#answer(told, now);
    }
    if (now < this.#lookAt) return;
    told ??= losses();
    this.#note(told.lost, now);
    this.#lookAt = Number.POSITIVE_INFINITY;
    for (const end of this.#ends) {
      if (now >= end.lookAt) this.#judge(end, told, now);
      if (this.#ends.has(end)) this.#lookAt = Math.min(this.#lookAt, end.lookAt);
    }
  }

  #answer({ quiet, roundTripMs }: Losses, now: number): void {
    this.#answerAt = Number.POSITIVE_INFINITY;
    if (roundTripMs > 0) this.#firstWaitMs = Math.min(LONGEST_FIRST_WAIT_MS, Math.max(SHORTEST_WAIT_MS, WAIT_IN_ROUND_TRIPS * roundTripMs));
    // With nothing of ours under way it was an acknowledgement; without it a sender in the middle of a transfer waits for long.
    if (quiet && this.#heard < HEARD_IN_A_TRANSFER) this.#unanswered = [];
    if (quiet) this.#heard = Math.max(0, this.#heard - HEARD_IN_A_TRANSFER);
    if (this.#unanswered.length === 0) return;
    for (const datagram of this.#unanswered) this.#send(datagram);
    this.#waitMs *= WAIT_FACTOR;
    this.#answerAt = now + this.#waitMs;
  }

  #note(lost: number, now: number): void {
    if (lost > this.#lost) this.#lossyUntil = now + LOSSY_FOR_MS;
    this.#lost = lost;
  }

  #judge(end: End, { quiet, heardAt }: Losses, now: number): void {
    if (now < this.#lossyUntil) {
      this.#send(end.datagram);
      end.copies += 1;
      end.lookAt = now + FIRST_COPY_AFTER_MS * COPY_FACTOR ** end.copies;
      if (end.copies === COPIES_OF_AN_END) this.#drop(end);
    } else if (quiet || heardAt - end.sentAt > DECIDED_AFTER_MS) this.#drop(end);
    else end.lookAt = now + FIRST_LOOK_AFTER_MS;
  }

  #drop(end: End): void {
    this.#ends.delete(end);
    this.#keptBytes -= end.datagram.length;
  }
}

function overwrite(copy: Buffer, datagram: Uint8Array): Buffer {
  const whole = Buffer.from(copy.buffer, 0, datagram.length);
  whole.set(datagram);
  return whole;
}
