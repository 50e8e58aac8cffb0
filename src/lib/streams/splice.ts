// Carries bytes between two duplexes until both directions have ended: backpressure and half-close in each direction, and a cut never becomes an end.
import type { Duplex } from 'node:stream';
import { CutShort, isCut, isTcp, reset } from './reset.ts';

/** Pieces of a turn that are at least so large leave a TCP socket together: four of a TLS connection's records in one system call. What is smaller may be a key that somebody pressed. */
const JOINED_BYTES = 8 * 1024;

/** Bytes so far. Live: whoever gave it may read it while the splice runs, and after it failed. */
export interface Carried {
  aToB: number;
  bToA: number;
}

/**
 * Resolves when both directions have ended and everything was handed to the systems below. When one side fails or closes early, both are reset and
 * it rejects with the first error. Both duplexes belong to the splice from the call on; both must allow half-open.
 */
export function splice(a: Duplex, b: Duplex, carried: Carried = { aToB: 0, bToA: 0 }): Promise<Carried> {
  return new Promise((resolve, reject) => {
    let directions = 2;
    const ended = () => {
      directions -= 1;
      if (directions === 0) resolve(carried);
    };
    const failed = (error: Error) => {
      reject(error); // the first call counts
      reset(a, error);
      reset(b, error);
    };
    pump(a, b, (bytes) => (carried.aToB += bytes), ended, failed);
    pump(b, a, (bytes) => (carried.bToA += bytes), ended, failed);
  });
}

/** Measured on loopback against `pipeline` and `pipe`: as fast, and it destroys nothing on its own, so that a failure can become a reset. */
function pump(source: Duplex, sink: Duplex, count: (bytes: number) => void, ended: () => void, failed: (error: Error) => void): void {
  let sourceOpen = true;
  let sinkOpen = true;
  let unwritten = 0;
  const join = isTcp(sink) ? joining(sink) : () => {};
  const end = () => {
    if (isCut(source, 'end')) return cut();
    sourceOpen = false;
    if (sink.writableFinished) finish();
    else if (unwritten === 0) sink.end();
  };
  // The end waits for the last byte, because a TCP socket whose end is under way cannot be reset (streams/reset.ts).
  const written = () => {
    unwritten -= 1;
    if (unwritten === 0 && !sourceOpen && !sink.writableEnded) sink.end();
  };
  const finish = () => {
    if (isCut(sink, 'finish')) return cut();
    sinkOpen = false;
    ended();
  };
  const cut = () => failed(new CutShort('closed before its end'));
  source.on('error', failed).on('end', end);
  source.on('close', () => sourceOpen && cut()); // A source that has ended may close long before its last bytes are written.
  sink.on('finish', finish).on('close', () => sinkOpen && cut());
  source.on('data', (chunk: Uint8Array) => {
    count(chunk.length);
    unwritten += 1;
    if (chunk.length >= JOINED_BYTES) join();
    if (!sink.write(chunk, written)) source.pause();
  });
  sink.on('drain', () => source.resume());
  if (source.destroyed || sink.destroyed) cut();
  else if (source.readableEnded) end();
  else source.resume();
}

/** Holds back what is written until this turn of the event loop is over. */
function joining(sink: Duplex): () => void {
  let held = false;
  const release = () => {
    held = false;
    sink.uncork();
  };
  return () => {
    if (held) return;
    held = true;
    sink.cork();
    setImmediate(release);
  };
}
