// A local client and the channel to its target, until both directions have ended; counted for whoever looks.
import type { Duplex } from 'node:stream';
import { type Carried, splice } from '../../streams/splice.ts';
import { cutError } from '../cut-error.ts';
import type { Channel } from '../open-channel.ts';

/** Bytes of all channels, those that are open included. */
export class Traffic {
  readonly #open = new Set<Carried>();
  #quiet = Promise.withResolvers<void>();
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

  /** Resolves as soon as no channel is open. */
  async quiet(): Promise<void> {
    while (this.#open.size > 0) await this.#quiet.promise;
  }

  /** Runs `work` with the counters of one channel, which has carried `sent` already. */
  async count<Value>(work: (carried: Carried) => Promise<Value>, sent = 0): Promise<Value> {
    const carried: Carried = { aToB: sent, bToA: 0 };
    this.#open.add(carried);
    try {
      return await work(carried);
    } finally {
      this.#open.delete(carried);
      this.#up += carried.aToB;
      this.#down += carried.bToA;
      this.#quiet.resolve();
      this.#quiet = Promise.withResolvers();
    }
  }
}

/** `sent` bytes of the client's have left already. Resolves when both directions have ended, and when the session is over for good: who ends with it says why. Error `link.reset` when the channel was cut otherwise. */
export async function carry(client: Duplex, channel: Channel, target: string, traffic: Traffic, sent = 0): Promise<void> {
  try {
    await traffic.count((carried) => splice(client, channel, carried), sent);
  } catch (cause) {
    const heard = await channel.whyCut?.(cause);
    if (!heard?.over) throw cutError(target, heard, cause);
  }
}
