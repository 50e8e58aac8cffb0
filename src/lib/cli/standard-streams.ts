// Standard input and output as bytes for a channel.
import { fstatSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';

const STDOUT = 1;

/** process.stdout never closes its descriptor, so a reader of our pipe would wait for ever for the end: a pipe or socket gets a stream of its own. */
export function standardStreams(): { readonly input: Readable; readonly output: Writable } {
  const kind = fstatSync(STDOUT);
  const output = kind.isFIFO() || kind.isSocket() ? new Socket({ fd: STDOUT, readable: false, writable: true }) : process.stdout;
  return { input: process.stdin, output };
}
