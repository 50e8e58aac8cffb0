// Asks a target for its first bytes on a channel that is open, and lets them be judged.
import type { Duplex } from 'node:stream';
import type { World } from '../base/world.ts';
import { shakeHands, whyOf } from '../streams/tls-handshake.ts';
import { type Answered, judgeFirstBytes, questionFor, type TargetProtocol, unexpected } from './first-bytes.ts';
import type { Finding } from './step.ts';

const WAIT_MS = 2000;
const ENOUGH_BYTES = 256;

/** Never rejects but for an abort of `signal`. The channel is the caller's to end. */
export async function readFirstBytes(channel: Duplex, protocol: TargetProtocol, host: string, { clock }: World, signal: AbortSignal): Promise<Finding> {
  if (protocol === 'https') return await shakeHandsWith(channel, host, { clock }, signal);
  const question = questionFor(protocol, host);
  const answer = listen(channel, clock, signal);
  if (question !== undefined) channel.write(question);
  return judgeFirstBytes(protocol, await answer, WAIT_MS);
}

/** A whole handshake; the certificate is the target's own affair. */
async function shakeHandsWith(channel: Duplex, host: string, { clock }: Pick<World, 'clock'>, signal: AbortSignal): Promise<Finding> {
  const late = new AbortController();
  using _timer = clock.after(WAIT_MS, () => late.abort(new Error('late')));
  try {
    const tls = await shakeHands(channel, host, { rejectUnauthorized: false }, AbortSignal.any([signal, late.signal]));
    const [protocol, subject] = [tls.getProtocol(), tls.getPeerX509Certificate()?.subject ?? null];
    tls.destroy();
    return { message: `it speaks TLS (${protocol})`, detail: { expected: 'https', speaks: 'https', tls: protocol, subject } };
  } catch (error) {
    signal.throwIfAborted();
    if (late.signal.aborted) return judgeFirstBytes('https', { bytes: new Uint8Array(), ended: false }, WAIT_MS);
    return unexpected('https', `something that is no TLS (${whyOf(error)})`, { expected: 'https', speaks: null });
  }
}

/** Until a line or enough bytes have come, the target has ended, or the time is up. */
function listen(channel: Duplex, clock: World['clock'], signal: AbortSignal): Promise<Answered> {
  return new Promise((resolve, reject) => {
    let bytes = Buffer.alloc(0);
    const settle = (act: () => void) => {
      timer.cancel();
      signal.removeEventListener('abort', abort);
      channel.pause().removeAllListeners('data');
      act();
    };
    const done = (ended: boolean) => settle(() => resolve({ bytes, ended }));
    const abort = () => settle(() => reject(signal.reason));
    const timer = clock.after(WAIT_MS, () => done(false));
    signal.addEventListener('abort', abort, { once: true });
    channel.once('end', () => done(true)).once('close', () => done(true));
    channel.on('data', (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
      if (bytes.includes(10) || bytes.length >= ENOUGH_BYTES || bytes[0] === 3) done(false);
    });
    if (signal.aborted) abort();
  });
}
