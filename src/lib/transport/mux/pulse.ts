// The signs of life of one connection: when it was heard last, pings into silence, answers to those of the peer, and the moment when patience is over.
import type { Clock, Timer } from '../../base/world.ts';
import { Allowance } from '../admission.ts';
import type { Liveness } from '../liveness.ts';
import { FRAME, pingFrame } from './frame.ts';
import { Patience, type Verdict } from './patience.ts';
import type { Wire } from './wire.ts';

/** A peer that pings more often has signs of life enough. */
const PONGS_PER_SECOND = 10;

interface PulseParts {
  readonly wire: Pick<Wire, 'congested' | 'send' | 'unfinished'>;
  readonly liveness: Liveness;
  /** Whether the peer's settings are there. */
  readonly isGreeted: () => boolean;
  /** Once; nothing follows. */
  readonly over: (verdict: Exclude<Verdict, { kind: 'alive' }>) => void;
}

/** Silence is broken, and patience ends, by one timer; it runs from `start` to `stop`. */
export class Pulse {
  readonly #parts: PulseParts;
  readonly #clock: Clock;
  readonly #patience: Patience;
  readonly #pongs = new Allowance(PONGS_PER_SECOND);
  #heardAt: number;
  #pingedAt: number | undefined;
  #roundTripMs: number | undefined;
  #timer: Timer | undefined;

  constructor(parts: PulseParts, clock: Clock) {
    this.#parts = parts;
    this.#clock = clock;
    this.#heardAt = clock.monotonic();
    this.#patience = new Patience(parts.liveness, this.#heardAt);
  }

  /** Monotonic ms. */
  get heardAt(): number {
    return this.#heardAt;
  }

  /** From the last ping to its pong; undefined before there was one. */
  get roundTripMs(): number | undefined {
    return this.#roundTripMs;
  }

  start(): void {
    const now = this.#clock.monotonic();
    const { wire, isGreeted, over } = this.#parts;
    const verdict = this.#patience.judge(now, { heardAt: this.#heardAt, unfinished: wire.unfinished, greeted: isGreeted() });
    if (verdict.kind !== 'alive') return void over(verdict);
    this.#timer = this.#clock.after(verdict.lookAgainMs, () => this.start());
    if (!verdict.ping) return;
    this.#pingedAt ??= now;
    wire.send(pingFrame(FRAME.ping));
  }

  stop(): void {
    this.#timer?.cancel();
  }

  /** Anything at all came. */
  hear(): void {
    this.#heardAt = this.#clock.monotonic();
  }

  /** Not while much is queued: that is as good a sign of life, and pings must not fill the memory. */
  hearPing(): void {
    const { wire } = this.#parts;
    if (!wire.congested && this.#pongs.spend(this.#clock.monotonic())) wire.send(pingFrame(FRAME.pong));
  }

  hearPong(): void {
    if (this.#pingedAt !== undefined) this.#roundTripMs = this.#clock.monotonic() - this.#pingedAt;
    this.#pingedAt = undefined;
  }
}
