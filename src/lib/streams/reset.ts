// How one side of a splice is reset, and how a cut is told from an end, for TCP, TLS, HTTP/2 and link streams alike.
import type { Duplex } from 'node:stream';
import type { TcpSocket } from '../base/world.ts';

// RFC 9113, 7. From `node:http2` it would cost every command the import.
const HTTP2_NO_ERROR = 0;

/** A direction that stopped before its end. */
export class CutShort extends Error {
  override readonly name = 'CutShort';
}

const carriers = new WeakMap<Duplex, TcpSocket>();

/** A TLS socket cannot reset: names the TCP socket below it, which can. */
export function carriedBy(tls: Duplex, raw: TcpSocket): void {
  carriers.set(tls, raw);
}

/**
 * Ends both directions at once so that the peer sees a reset and no clean end: RST for TCP (and for TLS that is `carriedBy` TCP), RST_STREAM for HTTP/2 (only `destroy`
 * with an error sends no END_STREAM before it), the error's code for a link stream. Errors that follow are nobody's: they are dropped.
 */
export function reset(side: Duplex, error: Error): void {
  side.on('error', ignore);
  if (side.destroyed) return;
  const lowest = carriers.get(side) ?? side;
  if (isTcp(lowest)) resetTcp(lowest, () => side.destroy(error));
  else side.destroy(error);
}

/** Between `end` and 'finish' a reset fails inside libuv and Node loses the handle for good (24.21: the process never exits), so it waits for that moment to pass. */
function resetTcp(socket: TcpSocket, then: () => void): void {
  if (socket.writableEnded && !socket.writableFinished && !socket.destroyed) {
    socket.once('finish', () => resetTcp(socket, then)).once('close', then);
    return;
  }
  socket.resetAndDestroy();
  then();
}

export function isTcp(side: Duplex): side is TcpSocket {
  return 'resetAndDestroy' in side && !('encrypted' in side);
}

/**
 * To be asked at 'end' and 'finish': was it none? HTTP/2 streams end, and finish, when the peer resets with CANCEL or its connection is gone;
 * only then are they aborted or destroyed by that time. Except that a stream that has ended in the other direction may be destroyed as soon as its
 * last frame has left, which is before its 'finish': its code is then NO_ERROR.
 */
export function isCut(side: Duplex, at: 'end' | 'finish'): boolean {
  if ('aborted' in side && side.aborted === true) return true;
  const over = at === 'finish' && side.readableEnded && 'rstCode' in side && side.rstCode === HTTP2_NO_ERROR;
  return side.destroyed && !over;
}

function ignore(): void {}
