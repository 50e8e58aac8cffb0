// How long a link bears with its peer: silence, a greeting that does not come, a frame that stays a part. Pure; the link keeps the timer.
import { LIMITS } from '../../base/limits.ts';
import type { Liveness } from '../liveness.ts';

export interface Heard {
  /** Monotonic ms of the last byte. */
  readonly heardAt: number;
  /** The number of a frame whose rest has not come. */
  readonly unfinished: number | undefined;
  /** Whether the peer's settings are there. */
  readonly greeted: boolean;
}

export type Verdict =
  | { readonly kind: 'silent' }
  | { readonly kind: 'violation'; readonly what: string }
  | { readonly kind: 'alive'; readonly ping: boolean; readonly lookAgainMs: number };

export class Patience {
  readonly #liveness: Liveness;
  readonly #begunAt: number;
  /** The frame that was incomplete when we looked last. */
  #unfinished: { readonly frame: number; readonly since: number } | undefined;

  constructor(liveness: Liveness, now: number) {
    this.#liveness = liveness;
    this.#begunAt = now;
  }

  /** A byte is a sign of life; but a byte now and then, and never a frame, would hold a link for ever that says nothing. */
  judge(now: number, { heardAt, unfinished, greeted }: Heard): Verdict {
    const { keepAliveMs, deadLinkMs } = this.#liveness;
    const silence = now - heardAt;
    if (silence >= deadLinkMs) return { kind: 'silent' };
    if (unfinished !== this.#unfinished?.frame) this.#unfinished = unfinished === undefined ? undefined : { frame: unfinished, since: now };
    const greetingLeft = greeted ? Number.POSITIVE_INFINITY : this.#begunAt + LIMITS.quicHandshakeMs - now;
    const frameLeft = (this.#unfinished?.since ?? Number.POSITIVE_INFINITY) + LIMITS.partialFrameMs - now;
    if (greetingLeft <= 0) return { kind: 'violation', what: `no settings within ${LIMITS.quicHandshakeMs} ms` };
    if (frameLeft <= 0) return { kind: 'violation', what: `a frame that was not complete after ${LIMITS.partialFrameMs} ms` };
    const ping = silence >= keepAliveMs;
    // Silence is broken on time: at up to twice of it, whoever waits for an answer would have given the link up.
    const pingIn = ping ? keepAliveMs : keepAliveMs - silence;
    return { kind: 'alive', ping, lookAgainMs: Math.min(pingIn, deadLinkMs - silence, greetingLeft, frameLeft) };
  }
}
