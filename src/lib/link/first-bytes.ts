// What a client says before it has heard anything: it leaves with the question for its target, where the way was alive a moment ago, and it is known whether somebody may have it.
import type { Duplex } from 'node:stream';
import type { Clock } from '../base/world.ts';
import type { Link } from '../transport/link.ts';

/** A link that has been silent for longer may be dead; what waits for an answer on it can still go another way as long as no byte of the client's has left. */
const ALIVE_MS = 1000;

/** One for each client, whatever ways are tried for it. */
export class FirstBytes {
  readonly #client: Duplex;
  /** Kept until it is known who has them. */
  #bytes: Uint8Array | undefined;
  #length = 0;
  #sent = false;

  constructor(client: Duplex) {
    this.#client = client;
  }

  /** Of those that have left for good. */
  get length(): number {
    return this.#length;
  }

  /** They have left, and nobody has said that they did not arrive: another way could bring them twice. */
  get unaccounted(): boolean {
    return this.#sent;
  }

  /** One piece, beside a question that `link` is asked on `stream`: what has come already, or comes until disposed. */
  sendEarly(stream: Duplex, link: Pick<Link, 'lastReceived'>, clock: Clock): Disposable {
    const client = this.#client;
    const isAlive = clock.monotonic() - link.lastReceived() <= ALIVE_MS;
    const take = () => {
      this.#bytes ??= client.read() ?? undefined;
      if (this.#bytes === undefined) return;
      stop();
      if (!stream.destroyed) this.#send(stream);
    };
    const stop = () => void client.off('readable', take);
    if (isAlive) client.on('readable', take);
    if (isAlive || this.#bytes) take();
    return { [Symbol.dispose]: stop };
  }

  /** The answer was no. */
  refused(): void {
    this.#sent = false;
  }

  /** The answer was yes: what was taken before and did not leave with this question follows. */
  sendLate(stream: Duplex): void {
    if (!this.#sent) this.#send(stream);
    this.#length = this.#bytes?.length ?? 0;
    this.#bytes = undefined;
  }

  #send(stream: Duplex): void {
    if (this.#bytes === undefined) return;
    this.#sent = true;
    stream.write(this.#bytes);
  }
}
