// One channel: a CONNECT stream on the connection to the edge, which answers once the agent has reached the target or says why not.
import { type ClientHttp2Session, type ClientHttp2Stream, constants, type IncomingHttpHeaders, type IncomingHttpStatusHeader } from 'node:http2';
import { within } from '../base/deadline.ts';
import { TunnelError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { Clock } from '../base/world.ts';
import { readAgent, readRefusal } from '../streams/http-connect.ts';

/** Bytes to a target and back; half-open. Its end may be a cut: streams/splice.ts tells them apart. */
export type Channel = ClientHttp2Stream & { readonly agent: string };

/** The slowest honest answer: a version 1 agent may take 30 s, and the next one its time after it. */
const ANSWER_MS = LIMITS.connectResponseV1Ms + LIMITS.connectTargetMs;

/** Errors: what the edge refuses with; `link.lost` when the connection went before any answer; `gateway.silent`. */
export async function openChannel(session: ClientHttp2Session, target: string, token: string, clock: Clock, signal: AbortSignal): Promise<Channel> {
  if (session.closed || session.destroyed) throw lost(target);
  return await within(
    clock,
    ANSWER_MS,
    () => silent(target),
    signal,
    (limit) => request(session, target, token, limit),
  );
}

function request(session: ClientHttp2Session, target: string, token: string, signal: AbortSignal): Promise<Channel> {
  const stream = session.request(
    { [constants.HTTP2_HEADER_METHOD]: 'CONNECT', [constants.HTTP2_HEADER_AUTHORITY]: target, [constants.HTTP2_HEADER_PROXY_AUTHORIZATION]: `Bearer ${token}` },
    { endStream: false },
  );
  return new Promise((resolve, reject) => {
    const settle = (act: () => void) => {
      signal.removeEventListener('abort', abort);
      stream.off('response', answered).off('close', failed).off('error', failed);
      stream.on('error', ignore); // whoever splices the channel listens for itself
      act();
    };
    const refuse = (error: unknown) =>
      settle(() => {
        stream.destroy(error instanceof Error ? error : undefined);
        reject(error);
      });
    const abort = () => refuse(signal.reason);
    const failed = (cause?: Error) => refuse(lost(target, cause));
    const answered = (headers: IncomingHttpHeaders & IncomingHttpStatusHeader) => {
      const status = headers[':status'] ?? 0;
      if (status !== constants.HTTP_STATUS_OK) return refuse(readRefusal(status, headers));
      settle(() => resolve(Object.assign(stream, { agent: readAgent(headers) ?? '' })));
    };
    signal.addEventListener('abort', abort, { once: true });
    stream.once('response', answered).once('close', failed).once('error', failed);
  });
}

function silent(target: string): TunnelError {
  return new TunnelError('gateway.silent', `the gateway did not answer for ${target}`, { hint: 'Try again; tunnel agent list shows which agents are online.' });
}

function lost(target: string, cause?: unknown): TunnelError {
  return new TunnelError('link.lost', `the connection to the gateway was lost before ${target} answered`, { hint: 'Is the gateway running?', cause });
}

function ignore(): void {}
