// A local client and the channel to its target, until both directions have ended; counted for whoever looks.
import type { Duplex } from 'node:stream';
import { TunnelError } from '../../base/errors.ts';
import { type Carried, splice } from '../../streams/splice.ts';
import type { Channel } from '../open-channel.ts';

/** Bytes of all channels, those that are open included. */
export class Traffic {
  readonly #open = new Set<Carried>();
  #up = 0;
  #down = 0;

  get channels(): number {
    return this.#open.size;
  }

  get bytes(): { readonly up: number; readonly down: number } {
    let [up, down] = [this.#up, this.#down];
    for (const { aToB, bToA } of this.#open) {
      up += aToB;
      down += bToA;
    }
    return { up, down };
  }

  /** Runs `work` with the counters of one channel. */
  async count<Value>(work: (carried: Carried) => Promise<Value>): Promise<Value> {
    const carried: Carried = { aToB: 0, bToA: 0 };
    this.#open.add(carried);
    try {
      return await work(carried);
    } finally {
      this.#open.delete(carried);
      this.#up += carried.aToB;
      this.#down += carried.bToA;
    }
  }
}

/** Resolves when both directions have ended. Error `link.reset` when the channel was cut. */
export async function carry(client: Duplex, channel: Channel, target: string, traffic: Traffic): Promise<void> {
  try {
    await traffic.count((carried) => splice(client, channel, carried));
  } catch (cause) {
    throw new TunnelError('link.reset', `${target}: the connection was reset`, {
      hint: 'By the target, or because the agent or the gateway went away.',
      cause,
    });
  }
}
