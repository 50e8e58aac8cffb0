// Frames on a stream of a link, for the control stream and the handshake of channels: backpressure, a deadline for a frame that came in part, raw bytes left where they are.
import type { Duplex } from 'node:stream';
import { within } from '../base/deadline.ts';
import { TunnelError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { Clock } from '../base/world.ts';
import { encodeFrame, FrameDecoder } from '../protocol/frame.ts';

/** Errors of a stream reach whoever reads or writes it; this only keeps Node from taking one that comes between two reads for uncaught. */
export function adopt<Stream extends Duplex>(stream: Stream): Stream {
  return stream.on('error', ignore);
}

/**
 * The next frame's payload; undefined when the peer ended the stream between frames. What follows the frame stays in the stream, unread.
 * Errors: `protocol.violation` (too long, cut short, not complete within 10 s of its first byte), `link.lost`, the stream's own, the signal's reason.
 */
export function readFrame(stream: Duplex, maxBytes: number, clock: Clock, signal: AbortSignal): Promise<Uint8Array | undefined> {
  return new Promise((resolve, reject) => {
    const decoder = new FrameDecoder(maxBytes);
    let deadline: Disposable | undefined;
    const settle = (finish: () => void) => {
      stream.off('readable', pull).off('end', end).off('error', fail).off('close', close);
      signal.removeEventListener('abort', abort);
      deadline?.[Symbol.dispose]();
      finish();
    };
    const fail = (error: unknown) => settle(() => reject(error));
    const abort = () => fail(signal.reason);
    const close = () => fail(stream.errored ?? new TunnelError('link.lost', 'the stream was closed'));
    const end = () => (decoder.partial ? fail(violation('cut short by the end of the stream')) : settle(() => resolve(undefined)));
    // Reading and putting back happen in one go: after a turn of the loop 'end' could have been emitted, and nothing can be put back then.
    const pull = () => {
      try {
        const payload = takeFrame(stream, decoder);
        if (payload !== undefined) return settle(() => resolve(payload));
      } catch (error) {
        return fail(error);
      }
      if (decoder.partial) deadline ??= clock.after(LIMITS.partialFrameMs, () => fail(violation(`not complete after ${LIMITS.partialFrameMs} ms`)));
    };
    stream.on('readable', pull).on('end', end).on('error', fail).on('close', close);
    signal.addEventListener('abort', abort);
    if (signal.aborted) abort();
    else if (stream.destroyed) close();
    else if (stream.readableEnded) end();
    else pull();
  });
}

function takeFrame(stream: Duplex, decoder: FrameDecoder): Uint8Array | undefined {
  for (;;) {
    const chunk: Uint8Array | null = stream.read();
    if (chunk === null) return undefined;
    const { taken, payload } = decoder.take(chunk);
    if (taken < chunk.length) stream.unshift(chunk.subarray(taken));
    if (payload !== undefined) return payload;
  }
}

/** Resolves when the stream has room for more. Errors: `link.lost`, the stream's own, the signal's reason, `protocol.violation` when the peer does not read. */
export async function writeFrame(stream: Duplex, payload: Uint8Array, maxBytes: number, clock: Clock, signal: AbortSignal): Promise<void> {
  const frame = encodeFrame(payload, maxBytes);
  signal.throwIfAborted();
  if (stream.destroyed || stream.writableEnded) throw stream.errored ?? new TunnelError('link.lost', 'the stream was closed');
  if (stream.write(frame)) return;
  await within(
    clock,
    LIMITS.partialFrameMs,
    () => violation(`not taken within ${LIMITS.partialFrameMs} ms`),
    signal,
    (signal) => drained(stream, signal),
  );
}

function drained(stream: Duplex, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (finish: () => void) => {
      stream.off('drain', drain).off('error', fail).off('close', close);
      signal.removeEventListener('abort', abort);
      finish();
    };
    const drain = () => settle(resolve);
    const fail = (error: unknown) => settle(() => reject(error));
    const close = () => fail(stream.errored ?? new TunnelError('link.lost', 'the stream was closed'));
    const abort = () => fail(signal.reason);
    stream.on('drain', drain).on('error', fail).on('close', close);
    signal.addEventListener('abort', abort);
  });
}

function violation(why: string): TunnelError {
  return new TunnelError('protocol.violation', `frame: ${why}`);
}

function ignore(): void {}
