// One channel on standard input and output, for ssh's ProxyCommand: half-close both ways, and a reset is a failure.
import { Duplex, type Readable, type Writable } from 'node:stream';
import { splice } from '../../streams/splice.ts';
import { cutError } from '../cut-error.ts';
import type { Channel } from '../open-channel.ts';

export interface StdioPair {
  readonly input: Readable;
  readonly output: Writable;
}

/** Resolves when both directions have ended, or when nobody reads our output any more. Errors when the channel was cut: `link.reset`, or why its session was ended. */
export async function forwardStdio(channel: Channel, target: string, pair: StdioPair): Promise<void> {
  try {
    await splice(new Both(pair), channel);
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'EPIPE') return;
    const heard = await channel.whyCut?.(cause);
    throw heard?.over ?? cutError(target, heard, cause);
  } finally {
    pair.input.destroy(); // or an idle terminal would keep this process alive
  }
}

/** The two as one; plainer and faster than `Duplex.from`. */
class Both extends Duplex {
  readonly #input: Readable;
  readonly #output: Writable;

  constructor({ input, output }: StdioPair) {
    super({ allowHalfOpen: true });
    this.#input = input;
    this.#output = output;
    const fail = (error: Error) => this.destroy(error);
    output.on('error', fail);
    input
      .on('error', fail)
      .on('data', (chunk: Uint8Array) => {
        if (!this.push(chunk)) input.pause();
      })
      .on('end', () => this.push(null));
  }

  override _read(): void {
    this.#input.resume();
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#output.write(chunk, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#output.end(done);
  }
}
