// One session that control holds: its state by sessions/transitions.ts, its one timer, its channels and what was signed for it.
import type { Clock, Timer } from '../../base/world.ts';
import type { CloseReason } from '../../sessions/close-reason.ts';
import { endsOf, type SessionEffect, type SessionEvent, type SessionLength, type SessionRules, type SessionState, step } from '../../sessions/transitions.ts';
import type { Operator } from '../../store/operators.ts';

export interface Session {
  readonly id: string;
  /** All sessions on one agent at one time are one tunnel (requirements B2). */
  readonly tunnelId: string;
  readonly operator: Operator;
  readonly agent: { readonly id: string; readonly name: string };
  /** Targets of the open channels, by channel id. */
  readonly channels: ReadonlyMap<string, string>;
  /** When it was leased, or a channel of it opened or ended. Monotonic. */
  readonly lastUse: number;
  /** When time alone will end it, by the wall clock, ms; undefined when it is ending. */
  readonly ends: { readonly idleAt: number; readonly longestAt: number | null } | undefined;
}

type Warning = Extract<SessionEffect, { kind: 'warn' }>;

export interface SessionActs {
  warn(session: LiveSession, warning: Warning): void;
  /** By time alone: whoever ends it otherwise does the rest himself. */
  expired(session: LiveSession, reason: CloseReason): void;
}

type Facts = Pick<Session, 'id' | 'tunnelId' | 'operator' | 'agent'>;

export class LiveSession implements Session {
  readonly id: string;
  readonly tunnelId: string;
  /** As its login was when it asked last. */
  operator: Operator;
  readonly agent: Session['agent'];
  readonly channels = new Map<string, string>();
  material: { readonly text: string; readonly terms: string; readonly renewAt: number } | undefined;
  lastUse = 0;
  readonly #clock: Clock;
  readonly #acts: SessionActs;
  #state: SessionState = { phase: 'opening' };
  #timer: Timer | undefined;

  constructor({ id, tunnelId, operator, agent }: Facts, clock: Clock, acts: SessionActs) {
    this.id = id;
    this.tunnelId = tunnelId;
    this.operator = operator;
    this.agent = agent;
    this.#clock = clock;
    this.#acts = acts;
  }

  get ends(): Session['ends'] {
    const ends = endsOf(this.#state);
    if (ends === undefined) return undefined;
    const offset = this.#clock.now() - this.#clock.monotonic();
    return { idleAt: ends.idleAt + offset, longestAt: ends.longestAt === null ? null : ends.longestAt + offset };
  }

  opened(rules: SessionRules): void {
    this.#hear({ kind: 'opened', at: this.#clock.monotonic(), rules });
  }

  /** Its operator did something. */
  active(): void {
    this.#hear({ kind: 'active', at: this.#clock.monotonic() });
  }

  /** Its operator asked to keep it. */
  kept(): void {
    this.#hear({ kind: 'kept', at: this.#clock.monotonic() });
  }

  ruled(length: SessionLength): void {
    this.#hear({ kind: 'ruled', at: this.#clock.monotonic(), length });
  }

  used(): void {
    this.lastUse = this.#clock.monotonic();
  }

  /** False where it is ending already: one caller ends a session. */
  end(reason: CloseReason): boolean {
    const { state, effects } = step(this.#state, { kind: 'end', reason });
    this.#state = state;
    this.stop();
    return effects.length > 0;
  }

  written(): void {
    this.#hear({ kind: 'written' });
  }

  /** Nothing happens by time any more. */
  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #hear(event: SessionEvent): void {
    const { state, effects } = step(this.#state, event);
    this.#state = state;
    for (const effect of effects) this.#do(effect);
  }

  #do(effect: SessionEffect): void {
    if (effect.kind === 'warn') {
      this.#acts.warn(this, { ...effect, endsInMs: Math.round(effect.endsInMs) });
      return;
    }
    this.stop();
    if (effect.kind === 'finish') this.#acts.expired(this, effect.reason);
    else this.#timer = this.#clock.after(Math.max(0, effect.at - this.#clock.monotonic()), () => this.#hear({ kind: 'due', at: this.#clock.monotonic() }));
  }
}
