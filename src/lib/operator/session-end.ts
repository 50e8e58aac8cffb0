// The end of a session as its program hears it: over for good, or only asked about again, and what is said of a channel that was cut by it.
import { TunnelError } from '../base/errors.ts';
import type { Clock, Log } from '../base/world.ts';
import { RESET } from '../link/version.ts';
import type { EdgeNotice } from '../protocol/operator.ts';
import { effectOf, isCloseReason } from '../sessions/close-reason.ts';
import { StreamReset } from '../transport/link.ts';

/** A notice and the cut of the channels leave the gateway together; so long one waits for the other. */
const TOGETHER_MS = 1000;

export interface Heard {
  readonly message: string;
  /** Why the lease is over; undefined where it goes on. */
  readonly over: TunnelError | undefined;
}

/** Where the session of a channel was ended, what the gateway said of it. */
export type WhyCut = (cause: unknown) => Promise<Heard | undefined>;

export class SessionEnd {
  readonly #renew: () => Promise<void>;
  readonly #world: { readonly clock: Clock; readonly log: Log };
  readonly #over = Promise.withResolvers<never>();
  #heard = Promise.withResolvers<Heard>();

  /** `renew` asks the gateway for the session again. */
  constructor(renew: () => Promise<void>, world: { readonly clock: Clock; readonly log: Log }) {
    this.#renew = renew;
    this.#world = world;
    this.#over.promise.catch(() => {}); // whoever waits for it hears of it
  }

  /** Rejects when the gateway has ended the session for good; settles in no other way. */
  get over(): Promise<never> {
    return this.#over.promise;
  }

  readonly hear = (notice: EdgeNotice): void => {
    void this.#judge(notice).then((heard) => {
      this.#world.log.info({ reason: notice.reason, over: heard.over !== undefined }, notice.message);
      this.#heard.resolve(heard);
      if (heard.over) this.#over.reject(heard.over);
      else this.#heard = Promise.withResolvers();
    });
  };

  /** What ended the session of a channel that was cut by `cause`; undefined where its session was not ended, or nobody says why. */
  async whyCut(cause: unknown): Promise<Heard | undefined> {
    if (!(cause instanceof StreamReset) || cause.code !== RESET.sessionEnded) return undefined;
    const enough = new AbortController();
    const late = this.#world.clock.sleep(TOGETHER_MS, enough.signal).then(() => undefined);
    const heard = await Promise.race([this.#heard.promise, late]);
    enough.abort();
    return heard;
  }

  async #judge({ reason, message }: EdgeNotice): Promise<Heard> {
    const effect = isCloseReason(reason) ? effectOf(reason) : 'ask';
    if (effect === 'none') return { message, over: undefined };
    if (effect === 'over') return { message, over: new TunnelError('session.closed', message) };
    try {
      await this.#renew();
      return { message, over: undefined };
    } catch (error) {
      if (!(error instanceof TunnelError) || !FINAL.includes(error.kind)) return { message, over: undefined };
      return { message, over: new TunnelError(error.code, message, { hint: error.hint, cause: error }) };
    }
  }
}

const FINAL: readonly TunnelError['kind'][] = ['unauthenticated', 'forbidden', 'not-found'];
