// What a target is asked once it is connected, and what it answered: its first bytes, or one HTTP request.
import type { Duplex } from 'node:stream';
import { TunnelError } from '../../base/errors.ts';
import { escapeText } from '../../base/escape.ts';
import { shakeHands } from '../../streams/tls-handshake.ts';
import type { HttpCheck } from './file.ts';

const MOST_BANNER_BYTES = 4096;
const MOST_ANSWER_BYTES = 1024 * 1024;
const SHOWN = 80;

/** Resolves when `wanted` has come. Error `check.failed` with what came instead. */
export async function expectBanner(channel: Duplex, wanted: string, signal: AbortSignal): Promise<void> {
  const said = await readUntil(channel, (text) => text.includes(wanted), MOST_BANNER_BYTES, signal);
  if (!said.includes(wanted)) throw unexpected(`its first bytes are ${shown(said)}, not ${shown(wanted)}`);
}

/** One GET over the channel. Errors `check.failed`, `certificate.refused`. */
export async function expectHttp(channel: Duplex, target: string, { path, status, tls, contains }: HttpCheck, signal: AbortSignal): Promise<void> {
  const host = target.slice(0, target.lastIndexOf(':')).replace(/^\[(.*)\]$/, '$1');
  const stream =
    tls === false ? channel : await shakeHands(channel, host, { alpn: 'http/1.1', ...(tls === 'insecure' && { rejectUnauthorized: false }) }, signal);
  // HTTP/1.0: the answer ends with the connection, and comes in one piece.
  stream.write(`GET ${path} HTTP/1.0\r\nHost: ${target}\r\nUser-Agent: tunnel-check\r\nConnection: close\r\n\r\n`);
  const enough = (text: string) => (contains === undefined ? text.includes('\r\n') : text.includes(contains));
  const answer = await readUntil(stream, enough, MOST_ANSWER_BYTES, signal);
  const [, code] = /^HTTP\/1\.[01] (\d{3})/.exec(answer) ?? [];
  if (code === undefined) throw unexpected(`it does not speak HTTP: ${shown(answer)}`);
  if (Number(code) !== status) throw unexpected(`status ${code}, not ${status}`);
  if (contains !== undefined && !answer.includes(contains)) throw unexpected(`the answer does not contain ${shown(contains)}`);
}

function unexpected(what: string): TunnelError {
  return new TunnelError('check.failed', what);
}

function shown(text: string): string {
  return JSON.stringify(escapeText(text.slice(0, SHOWN)));
}

/** Until there is enough, the end, the limit, or an abort, which throws its reason. */
function readUntil(stream: Duplex, isEnough: (text: string) => boolean, mostBytes: number, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const settle = (act: () => void) => {
      signal.removeEventListener('abort', abort);
      stream.pause().removeAllListeners('data');
      act();
    };
    const abort = () => settle(() => reject(signal.reason));
    signal.addEventListener('abort', abort, { once: true });
    stream.once('error', (error) => settle(() => reject(error)));
    stream.once('end', () => settle(() => resolve(text)));
    stream.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      if (isEnough(text) || text.length >= mostBytes) settle(() => resolve(text));
    });
    if (signal.aborted) abort();
  });
}
