// How streams ended, said once more on a stream that never ends: the engine forgets a FIN, reset or STOP_SENDING that was lost once it has freed the stream (docs/protocol.md, 12).
import { LIMITS } from '../../base/limits.ts';
import type { Timer } from '../../base/world.ts';

/** `end`: so many bytes were all. `reset`: both directions are over. `stop`: no more bytes are wanted. */
export interface EndNotice {
  readonly kind: 'end' | 'reset' | 'stop';
  readonly streamId: number;
  /** Bytes or a code. */
  readonly value: number;
}

const KINDS: ReadonlyMap<number, EndNotice['kind']> = new Map([
  [1, 'end'],
  [2, 'reset'],
  [3, 'stop'],
]);
const NUMBERS: Readonly<Record<EndNotice['kind'], number>> = { end: 1, reset: 2, stop: 3 };
const NUMBER_BYTES = 6;
const LARGEST_NUMBER = 2 ** (8 * NUMBER_BYTES) - 1;
const NOTICE_BYTES = 1 + 2 * NUMBER_BYTES;
/** Of no kind: passed over. */
const NOTHING = Buffer.alloc(NOTICE_BYTES);
/** What was said first nearly always arrives: notices wait for each other, so that they cost a packet now and then. */
const GATHER_MS = 100;
/** A peer that reads none of them harms itself alone. */
const MOST_WAITING = 2 * LIMITS.streamsPerAgentV2;

export function encodeNotice({ kind, streamId, value }: EndNotice): Buffer {
  const bytes = Buffer.alloc(NOTICE_BYTES);
  bytes.writeUInt8(NUMBERS[kind]);
  bytes.writeUIntBE(streamId, 1, NUMBER_BYTES);
  bytes.writeUIntBE(Math.min(value, LARGEST_NUMBER), 1 + NUMBER_BYTES, NUMBER_BYTES);
  return bytes;
}

/** Cuts what comes into notices; kinds of a later version are passed over. */
export class NoticeReader {
  #begun = Buffer.alloc(0);

  feed(bytes: Uint8Array): EndNotice[] {
    const all = Buffer.concat([this.#begun, bytes]);
    const whole = all.length - (all.length % NOTICE_BYTES);
    this.#begun = all.subarray(whole);
    const notices: EndNotice[] = [];
    for (let at = 0; at < whole; at += NOTICE_BYTES) {
      const kind = KINDS.get(all.readUInt8(at));
      if (kind === undefined) continue;
      notices.push({ kind, streamId: all.readUIntBE(at + 1, NUMBER_BYTES), value: all.readUIntBE(at + 1 + NUMBER_BYTES, NUMBER_BYTES) });
    }
    return notices;
  }
}

/** Gathers what is to be said, and offers it until the engine has taken all of it. */
export class NoticeWriter {
  readonly #send: (bytes: Uint8Array) => number;
  readonly #after: (ms: number, work: () => void) => Timer;
  #waiting: Buffer[] = [];
  #timer: Timer | undefined;

  /** `send` says how many bytes were taken. */
  constructor(send: (bytes: Uint8Array) => number, after: (ms: number, work: () => void) => Timer) {
    this.#send = send;
    this.#after = after;
  }

  say(notice: EndNotice): void {
    if (this.#waiting.length >= MOST_WAITING) return;
    this.#waiting.push(encodeNotice(notice));
    this.#timer ??= this.#after(GATHER_MS, this.#flush);
  }

  /** Sends at once what waits, or that there is nothing. */
  ping(): void {
    if (this.#waiting.length === 0) this.#waiting.push(NOTHING);
    this.#timer?.cancel();
    this.#flush();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#waiting = [];
  }

  readonly #flush = (): void => {
    this.#timer = undefined;
    const bytes = Buffer.concat(this.#waiting);
    this.#waiting = [];
    const left = bytes.subarray(this.#send(bytes));
    if (left.length === 0) return;
    this.#waiting.push(left);
    this.#timer = this.#after(GATHER_MS, this.#flush);
  };
}
