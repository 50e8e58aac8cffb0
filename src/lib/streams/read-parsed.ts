// Reads the beginning of a connection until it parses, for the small dialects that stand before raw bytes; what came after it goes back.
import type { Duplex } from 'node:stream';

/** A whole beginning and how many bytes it took; undefined while more are needed. May throw: the beginning is none. */
export type Parse<Value> = (bytes: Buffer) => { readonly value: Value; readonly length: number } | undefined;

/**
 * Nothing flows when it resolves, and the bytes behind the beginning are in `socket` again. Rejects with what `parse` throws, the socket's error, the signal's reason,
 * or an error of its own, naming `who`, where the connection ends first or `maxBytes` do not hold it. The caller then ends the socket, whose later errors are dropped.
 */
export function readParsed<Value>(
  socket: Duplex,
  parse: Parse<Value>,
  { who, maxBytes }: { readonly who: string; readonly maxBytes: number },
  signal: AbortSignal,
): Promise<Value> {
  let bytes: Buffer = Buffer.alloc(0);
  return new Promise((resolve, reject) => {
    const settle = (act: () => void) => {
      signal.removeEventListener('abort', abort);
      socket.off('readable', read).off('end', ended).off('error', failed).off('close', ended);
      act();
    };
    const fail = (error: unknown) =>
      settle(() => {
        socket.on('error', ignore);
        reject(error);
      });
    const abort = () => fail(signal.reason);
    const ended = () => fail(new Error(`${who} closed the connection too early`));
    const failed = (error: Error) => fail(error);
    const read = () => {
      const chunk: unknown = socket.read();
      if (!Buffer.isBuffer(chunk)) return;
      bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
      try {
        const parsed = parse(bytes.length > maxBytes ? bytes.subarray(0, maxBytes) : bytes);
        if (parsed === undefined) return bytes.length >= maxBytes ? fail(new Error(`what ${who} says first has no end`)) : undefined;
        settle(() => {
          if (bytes.length > parsed.length) socket.unshift(bytes.subarray(parsed.length));
          resolve(parsed.value);
        });
      } catch (error) {
        fail(error);
      }
    };
    signal.addEventListener('abort', abort, { once: true });
    socket.on('readable', read).once('end', ended).once('error', failed).once('close', ended);
    if (signal.aborted) abort();
  });
}

function ignore(): void {}
