// How many bytes of a stream the engine may hold, for its configuration and for what a link may cost.
import { LIMITS } from '../../base/limits.ts';

// A stream begins with this much and the engine doubles it for a reader that keeps up; one that has stopped costs what its window was.
export const FIRST_STREAM_WINDOW = 128 * 1024;

/** Somebody waits for bytes, also after the first window of them, or has stopped after some; 'none' before the first is asked for and after the last. */
export type Reader = 'wanting' | 'transferring' | 'resting' | 'none';

/** Bytes that the engine may hold for a reader: it widens the window only of one that takes. */
export function windowOf(reader: Reader | undefined): number {
  return reader === undefined || reader === 'none' ? FIRST_STREAM_WINDOW : LIMITS.streamBufferBytes;
}
