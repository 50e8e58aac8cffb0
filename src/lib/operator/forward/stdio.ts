// One channel on standard input and output, for ssh's ProxyCommand: half-close both ways, and a reset is a failure.
import { fstatSync } from 'node:fs';
import { Socket } from 'node:net';
import { Duplex, type Readable, type Writable } from 'node:stream';
import { TunnelError } from '../../base/errors.ts';
import { splice } from '../../streams/splice.ts';
import type { Channel } from '../open-channel.ts';

export interface StdioPair {
  readonly input: Readable;
  readonly output: Writable;
}

const STDOUT = 1;

/** process.stdout never closes its descriptor, so a reader of our pipe would wait for ever for the end: a pipe or socket gets a stream of its own. */
export function standardStreams(): StdioPair {
  const kind = fstatSync(STDOUT);
  const output = kind.isFIFO() || kind.isSocket() ? new Socket({ fd: STDOUT, readable: false, writable: true }) : process.stdout;
  return { input: process.stdin, output };
}

/** Resolves when both directions have ended, or when nobody reads our output any more. Error `link.reset` when the channel was cut. */
export async function forwardStdio(channel: Channel, target: string, { input, output }: StdioPair): Promise<void> {
  try {
    await splice(Duplex.from({ readable: input, writable: output }), channel);
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'EPIPE') return;
    throw new TunnelError('link.reset', `${target}: the connection was reset`, { hint: 'By the target, or because the agent or the gateway went away.', cause });
  } finally {
    input.destroy(); // or an idle terminal would keep this process alive
  }
}
