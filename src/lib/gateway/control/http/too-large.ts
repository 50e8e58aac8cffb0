// The answer to a body that is larger than we read, given so that it arrives although the client is still sending.
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { TunnelError } from '../../../base/errors.ts';
import { LIMITS } from '../../../base/limits.ts';
import type { Clock, Timer } from '../../../base/world.ts';

/** A client that sends nothing for so long has heard the answer, or sends no more. */
const QUIET_MS = 1000;

/** To close at once would reset the connection, and the answer with it: so what still comes is thrown away first, up to a limit, and for no longer than any request may take. */
export function answerTooLarge({ raw: request }: FastifyRequest, reply: FastifyReply, error: TunnelError, clock: Clock): void {
  reply.hijack();
  const answer = reply.raw;
  const body = JSON.stringify({ error });
  answer.writeHead(413, { 'content-type': 'application/json; charset=utf-8', 'content-length': Buffer.byteLength(body), connection: 'close' });
  answer.write(body);
  let left: number = LIMITS.httpReadOffBytes;
  let quiet: Timer | undefined;
  const over = () => {
    quiet?.cancel();
    answer.end();
  };
  const wait = () => {
    quiet?.cancel();
    quiet = clock.after(QUIET_MS, over);
  };
  wait();
  request.once('end', over).once('close', over).on('error', over);
  request.on('data', (part: Uint8Array) => {
    left -= part.length;
    if (left < 0) over();
    else wait();
  });
}
