// Operators' connections that have asked for nothing yet: after a while they are ended, and each source has room for a few only.
import type { Duplex } from 'node:stream';
import { LIMITS } from '../../../base/limits.ts';
import type { Clock, SocketAddress } from '../../../base/world.ts';
import { reset } from '../../../streams/reset.ts';

interface Newcomer {
  readonly address: string;
  readonly cut: () => void;
}

export class Newcomers {
  readonly #clock: Clock;
  /** Oldest first. */
  readonly #silent = new Set<Newcomer>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Call what it gives at the first request. Where a source, or all together, have too many, the oldest of them goes. */
  admit(socket: Duplex, { address }: Pick<SocketAddress, 'address'>): () => void {
    const over = () => {
      timer.cancel();
      this.#silent.delete(newcomer);
    };
    const cut = () => {
      over();
      reset(socket, new Error('nothing was asked'));
    };
    const newcomer = { address, cut };
    const timer = this.#clock.after(LIMITS.firstRequestMs, cut);
    this.#silent.add(newcomer);
    socket.once('close', over);
    const ofSource = [...this.#silent].filter((other) => other.address === address);
    if (ofSource.length > LIMITS.silentPerSource) ofSource[0]?.cut();
    else if (this.#silent.size > LIMITS.silentConnections) for (const oldest of this.#silent.values().take(1)) oldest.cut();
    return over;
  }
}
