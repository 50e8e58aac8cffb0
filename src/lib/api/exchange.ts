// One HTTP request and its answer, whatever it travels over: the shape, and HTTP/1.1 over a duplex that is connected and trusted already.
import { request as httpRequest, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { TunnelError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { World } from '../base/world.ts';

export interface ExchangeRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With its query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Becomes JSON. */
  readonly body?: unknown;
}

export interface ExchangeAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** Errors: gateway.unreachable, gateway.silent, certificate.refused, pin.mismatch; an abort rejects with the signal's reason. */
export type Exchange = (request: ExchangeRequest, signal: AbortSignal) => Promise<ExchangeAnswer>;

export interface HttpTarget {
  /** For the Host header and for messages. */
  readonly host: string;
  /** What stands before every path, without a slash at its end. */
  readonly prefix: string;
  /** What a person calls it: a URL or a path. */
  readonly called: string;
  /** How long it may take to answer, ms; LIMITS.apiAnswerMs where missing. */
  readonly answerMs?: number | undefined;
  /** Refused connections and names that do not resolve come as TunnelErrors of their own; they become gateway.unreachable. */
  connect(signal: AbortSignal): Promise<Duplex>;
}

/** To connect and to answer, each. */
const WAIT_MS = LIMITS.apiAnswerMs;

/** A connection for each request: commands make few of them. */
export function httpExchange(target: HttpTarget, { clock }: Pick<World, 'clock'>): Exchange {
  return async (request, signal) => {
    const deadline = new AbortController();
    const either = AbortSignal.any([signal, deadline.signal]);
    const { answerMs = WAIT_MS } = target;
    const silent = (what: string, ms: number) =>
      deadline.abort(
        new TunnelError('gateway.silent', `${target.called} ${what} within ${ms / 1000} s`, {
          hint: 'Is it the right address? A firewall may drop the packets.',
        }),
      );

    let timer = clock.after(WAIT_MS, () => silent('did not take the connection', WAIT_MS));
    let duplex: Duplex | undefined;
    try {
      duplex = await target.connect(either);
      timer.cancel();
      timer = clock.after(answerMs, () => silent('did not answer', answerMs));
      return await askOver(duplex, target, request, either);
    } catch (error) {
      throw either.aborted ? either.reason : error;
    } finally {
      timer.cancel();
      duplex?.destroy();
    }
  };
}

function askOver(
  duplex: Duplex,
  { host, prefix, called }: HttpTarget,
  { method, path, headers, body }: ExchangeRequest,
  signal: AbortSignal,
): Promise<ExchangeAnswer> {
  const content = body === undefined ? undefined : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const lost = (cause: unknown) =>
      reject(
        cause instanceof TunnelError ? cause : new TunnelError('gateway.unreachable', `the connection to ${called} was lost before it answered`, { cause }),
      );
    const asked = httpRequest(
      {
        createConnection: () => duplex,
        method,
        path: prefix + path,
        headers: {
          host,
          accept: 'application/json',
          connection: 'close',
          ...(content !== undefined && { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(content)) }),
          ...headers,
        },
        maxHeaderSize: LIMITS.httpHeaderBytes,
        signal,
      },
      (answer) => readBody(answer, called).then((text) => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: text }), lost),
    );
    asked.once('error', lost);
    asked.end(content);
  });
}

async function readBody(answer: IncomingMessage, called: string): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer) {
    const bytes = Buffer.from(chunk);
    size += bytes.length;
    if (size > LIMITS.apiAnswerBytes)
      throw new TunnelError('protocol.violation', `${called} answered with more than ${LIMITS.apiAnswerBytes} bytes`, { hint: 'Is it a gateway of tunnel?' });
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString('utf8');
}
