// The two unidirectional streams of a link on which each side says again how its streams ended, for the table of streams.
import type { Timer } from '../../base/world.ts';
import { type EndNotice, NoticeReader, NoticeWriter } from './end-notices.ts';
import type { NativeConnection } from './native.ts';

/** Who allows exactly so many unidirectional streams reads notices on one; every other number is that of a peer that does not know them. */
export const NOTICE_STREAMS = 1;
/** Some thousand notices that were not read yet. */
export const NOTICE_WINDOW_BYTES = 32 * 1024;
/** Of streams whose first packet is still on its way. */
const MOST_EARLY = 1024;
const UNIDIRECTIONAL = 2; // RFC 9000 2.1

export class EndsStream {
  readonly #native: NativeConnection;
  readonly #ours: number;
  readonly #apply: (notice: EndNotice) => 'done' | 'early';
  readonly #reader = new NoticeReader();
  readonly #writer: NoticeWriter;
  readonly #early = new Map<number, EndNotice>();
  #open = false;

  /** `apply` is told of every notice; one that is early is told again when its stream has opened. */
  constructor(native: NativeConnection, ours: 0 | 1, apply: (notice: EndNotice) => 'done' | 'early', after: (ms: number, work: () => void) => Timer) {
    this.#native = native;
    this.#ours = UNIDIRECTIONAL | ours;
    this.#apply = apply;
    this.#writer = new NoticeWriter((bytes) => this.#send(bytes), after);
  }

  static isUnidirectional(streamId: number): boolean {
    return (streamId & UNIDIRECTIONAL) !== 0;
  }

  /** The link stands, in a version whose ends matter. */
  begin(): void {
    this.#open = this.#native.peerStreamsLeftUni() === NOTICE_STREAMS;
  }

  say(notice: EndNotice): void {
    if (this.#open) this.#writer.say(notice);
  }

  /**
   * Makes a keep-alive long enough for a stateless reset in answer: a gateway that has restarted answers nothing with more bytes than it got,
   * and the engine overlooks resets of less than 37 (RFC 9000 10.3 names 21).
   */
  ping(): void {
    if (this.#open) this.#writer.ping();
  }

  /** Bytes of the peer's. */
  received(bytes: Uint8Array): void {
    for (const notice of this.#reader.feed(bytes)) {
      if (this.#apply(notice) === 'early' && this.#early.size < MOST_EARLY) this.#early.set(notice.streamId, notice);
    }
  }

  opened(streamId: number): void {
    const notice = this.#early.get(streamId);
    if (notice === undefined) return;
    this.#early.delete(streamId);
    this.#apply(notice);
  }

  #send(bytes: Uint8Array): number {
    try {
      return this.#native.streamSend(this.#ours, bytes, false) ?? 0;
    } catch {
      this.stop(); // the peer has stopped the stream: it wants none
      return bytes.length;
    }
  }

  stop(): void {
    this.#open = false;
    this.#writer.stop();
  }
}
