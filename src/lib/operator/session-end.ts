// The end of a session as its program hears it: what it means, and what is said of a channel that was cut by it.
import { type ErrorCode, TunnelError } from '../base/errors.ts';
import type { Clock } from '../base/world.ts';
import { RESET } from '../link/version.ts';
import type { EdgeNotice } from '../protocol/operator.ts';
import { effectOf, isCloseReason } from '../sessions/close-reason.ts';
import { StreamReset } from '../transport/link.ts';

/** A notice and the cut of the channels leave the gateway together; so long one waits for the other. */
const TOGETHER_MS = 1000;

export interface Heard {
  readonly message: string;
  /** Why it is over; undefined where it goes on. */
  readonly over: TunnelError | undefined;
}

/** Where the session of a channel was ended, what the gateway said of it. */
export type WhyCut = (cause: unknown) => Promise<Heard | undefined>;

/** What a notice asks of the program. What only a later version knows is asked about. */
export function effectOfNotice({ reason, message }: Pick<EdgeNotice, 'reason' | 'message'>): { readonly over: TunnelError } | 'ask' | 'heal' {
  const effect = isCloseReason(reason) ? effectOf(reason) : 'ask';
  if (effect === 'over') return { over: endError(reason, message) };
  return effect === 'ask' ? 'ask' : 'heal';
}

function endError(reason: string, message: string): TunnelError {
  if (reason !== 'idle') return new TunnelError('session.closed', message);
  return new TunnelError('session.idle', message, { hint: 'Connect again; --keep-alive keeps a session in which nothing is sent.' });
}

/** Unauthenticated, but by whoever stands in between: a hotel's own page, a proxy. It may pass. */
const MAY_PASS: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['certificate.refused', 'pin.mismatch', 'proxy.refused', 'session.refused']);
const GONE: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['agent.unknown', 'operator.unknown']);

/** Whether a failed renewal is the last word. `asked`: the gateway has just said that the session was taken back, so that no route means that there will be none. */
export function isFinal({ code, kind }: TunnelError, asked: boolean): boolean {
  if (MAY_PASS.has(code)) return false;
  return kind === 'unauthenticated' || kind === 'forbidden' || kind === 'usage' || GONE.has(code) || (asked && kind === 'not-found');
}

/** What was heard last, for the channels that are cut with it. */
export class LastHeard {
  readonly #clock: Clock;
  #heard = Promise.withResolvers<Heard>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  hear(heard: Heard): void {
    this.#heard.resolve(heard);
    if (!heard.over) this.#heard = Promise.withResolvers();
  }

  /** What ended the session of a channel that was cut by `cause`; undefined where its session was not ended, or nobody says why. */
  readonly whyCut: WhyCut = async (cause) => {
    if (!(cause instanceof StreamReset) || cause.code !== RESET.sessionEnded) return undefined;
    const enough = new AbortController();
    const late = this.#clock.sleep(TOGETHER_MS, enough.signal).then(() => undefined);
    const heard = await Promise.race([this.#heard.promise, late]);
    enough.abort();
    return heard;
  };
}
