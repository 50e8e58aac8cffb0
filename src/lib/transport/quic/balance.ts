// What a peer's packets cost us against what they bring, for one link: a peer that fills the engine's memory or keeps it busy for nothing is told from one that
// transfers over a bad network. Frames are not ours to see; bytes and packets are.
import { LIMITS } from '../../base/limits.ts';

/** A packet's header and seal (RFC 9000 17.3.1 with ids of 16 bytes, RFC 9001 5.3): what even an empty one has. */
const ENVELOPE_BYTES = 38;
/** A network may duplicate everything, and the engine (quiche 0.18) sends again what jitter has reordered: seven times as much came as was delivered, measured. */
const RECEIVED_PER_DELIVERED = 16;
/** Acknowledgements with many ranges, one for each packet of ours. */
const RECEIVED_PER_SENT = 1 / 4;
/** One acknowledgement for each of our smaller packets, and each is allowed to come twice. */
const PACKETS_PER_SENT_BYTE = 1 / 600;
/** Signs of life, probes, limits. */
const SPARE_BYTES_PER_MS = 1024 / 1000;
const SPARE_PACKETS_PER_MS = 200 / 1000;

/** Loss leaves a hole in front of a window of bytes; the engine keeps what is behind it. Fragments of one byte cost it thirty times their size: hence no more. */
const BASE_BYTES = LIMITS.streamBufferBytes;
const PER_WANTING_STREAM_BYTES = LIMITS.streamBufferBytes;
/** Jitter of 50 +- 40 ms, everything twice and one in a hundred lost, on a machine with too much to do: 8 MiB more came than the deliveries paid for. */
const PER_TRANSFER_BYTES = LIMITS.agentBufferBytes;
const MOST_FOR_WANTING_BYTES = 2 * LIMITS.agentBufferBytes;
/** A window that its reader does not take, in small packets, some of them twice; or a transfer whose reader rests between two reads. */
const PER_RESTING_STREAM_BYTES = PER_TRANSFER_BYTES;
const BURST_PACKETS = 20_000;
const PER_RESTING_STREAM_PACKETS = 100_000;

/** Streams whose reader waits for their first window of bytes, for more after it, and those whose reader took some and has stopped. */
export interface Readers {
  readonly wanting: number;
  readonly transferring: number;
  readonly resting: number;
}

export class Balance {
  #bytes = 0;
  #packets = 0;
  #at: number;

  /** `now` here and below in monotonic ms. */
  constructor(now: number) {
    this.#at = now;
  }

  /** A datagram came for this link. */
  received(bytes: number, now: number): void {
    const passed = now - this.#at;
    this.#at = now;
    this.#pay(passed * SPARE_BYTES_PER_MS);
    this.#bytes += Math.max(0, bytes - ENVELOPE_BYTES);
    this.#packets = Math.max(0, this.#packets - passed * SPARE_PACKETS_PER_MS) + 1;
  }

  /** A reader took `bytes`. Tiny writes are honest: each byte pays for a packet. */
  delivered(bytes: number): void {
    this.#pay(bytes * RECEIVED_PER_DELIVERED);
    this.#packets = Math.max(0, this.#packets - bytes);
  }

  /** A stream ended early: the engine has let go of what it held of it, at most `bytes`, and of what is still on its way. */
  abandoned(bytes: number): void {
    this.#pay(bytes);
    this.#packets = Math.max(0, this.#packets - bytes);
  }

  /** A transfer has come to its end; what the peer sends again of it is still to come. */
  finished(): void {
    this.#bytes = Math.max(-PER_TRANSFER_BYTES, this.#bytes - PER_TRANSFER_BYTES);
  }

  /** We sent a datagram, which the peer will acknowledge. */
  sent(bytes: number): void {
    this.#pay(bytes * RECEIVED_PER_SENT);
    this.#packets = Math.max(0, this.#packets - bytes * PACKETS_PER_SENT_BYTE);
  }

  /** What is wrong with the peer, in words for the log and the audit; undefined for an honest one. `readers` is asked only when it matters. */
  verdict(readers: () => Readers): string | undefined {
    if (this.#bytes <= BASE_BYTES && this.#packets <= BURST_PACKETS) return undefined;
    const { wanting, transferring, resting } = readers();
    const forWanting = wanting * PER_WANTING_STREAM_BYTES + transferring * PER_TRANSFER_BYTES;
    const bytes = Math.min(MOST_FOR_WANTING_BYTES, BASE_BYTES + forWanting) + resting * PER_RESTING_STREAM_BYTES;
    if (this.#bytes > bytes) return `the peer sent ${Math.round(this.#bytes)} bytes that lead to nothing, the limit is ${bytes}`;
    const packets = BURST_PACKETS + resting * PER_RESTING_STREAM_PACKETS;
    if (this.#packets > packets) return `the peer sent ${Math.round(this.#packets)} packets that lead to nothing, the limit is ${packets}`;
    return undefined;
  }

  /** Nobody pays in advance, but for the end of a transfer. */
  #pay(bytes: number): void {
    this.#bytes = Math.max(Math.min(0, this.#bytes), this.#bytes - bytes);
  }
}
