// How one side of a splice is reset, and how a cut is told from an end, for TCP, TLS, HTTP/2 and link streams alike.
import type { Duplex } from 'node:stream';

/** A direction that stopped before its end. */
export class CutShort extends Error {
  override readonly name = 'CutShort';
}

/**
 * Ends both directions at once so that the peer sees a reset and no clean end: RST for TCP, RST_STREAM for HTTP/2 (only `destroy` with an error
 * sends no END_STREAM before it), the error's code for a link stream. A TLS socket resets where `TlsWire` carries it. Errors that follow are nobody's: they are dropped.
 */
export function reset(side: Duplex, error: Error): void {
  side.on('error', ignore);
  if (side.destroyed) return;
  if ('resetAndDestroy' in side && typeof side.resetAndDestroy === 'function' && !('encrypted' in side)) side.resetAndDestroy();
  else side.destroy(error);
}

/**
 * To be asked at 'end' and 'finish': was it none? HTTP/2 streams end, and finish, when the peer resets with CANCEL or its connection is gone;
 * only then are they aborted or destroyed by that time.
 */
export function isCut(side: Duplex): boolean {
  return side.destroyed || ('aborted' in side && side.aborted === true);
}

function ignore(): void {}
