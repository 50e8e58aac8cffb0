// The life of a session as a pure function: an event comes in, the next state and what is to be done come out; its owner keeps one timer. Times are monotonic, ms.
import type { CloseReason } from './close-reason.ts';
import { judgeIdle } from './idle.ts';

/** How long a session may last, ms; null: without an end. The sooner of the two ends it. */
export interface SessionLength {
  /** From its beginning, whatever its operator does. */
  readonly longestMs: number | null;
  /** From when its operator last asked to keep it. */
  readonly keptMs: number | null;
}

export interface SessionRules extends SessionLength {
  /** Without anything from its operator it ends after so long. An open socket is nothing, and neither is what the target sends. */
  readonly idleMs: number;
  /** How long before either end its operator is warned; half of its length where that is less. */
  readonly warningMs: number;
}

/** The reasons that time alone can bring. */
export type TimedReason = Extract<CloseReason, 'idle' | 'too-long'>;

export type SessionState =
  | { readonly phase: 'opening' }
  | {
      readonly phase: 'live';
      readonly since: number;
      /** When its operator last asked to keep it; its beginning, before. */
      readonly keptAt: number;
      /** When its operator did something: opened it or a channel, sent bytes, asked to keep it. */
      readonly lastActivity: number;
      readonly rules: SessionRules;
      /** It was warned that it grows too long; that happens once. */
      readonly warned: boolean;
    }
  | { readonly phase: 'ending' | 'ended'; readonly reason: CloseReason };

export type SessionEvent =
  | { readonly kind: 'opened'; readonly at: number; readonly rules: SessionRules }
  /** Its operator did something. The timer finds it out when it falls due. */
  | { readonly kind: 'active'; readonly at: number }
  /** Its operator asked to keep it, which is activity too. */
  | { readonly kind: 'kept'; readonly at: number }
  /** Policy gives it another length. */
  | { readonly kind: 'ruled'; readonly at: number; readonly length: SessionLength }
  | { readonly kind: 'due'; readonly at: number }
  | { readonly kind: 'end'; readonly reason: CloseReason }
  /** Its end is on disk. */
  | { readonly kind: 'written' };

export type SessionEffect =
  /** Instead of the timer before. */
  | { readonly kind: 'wake'; readonly at: number }
  | { readonly kind: 'warn'; readonly reason: TimedReason; readonly endsInMs: number; readonly avoidable: boolean }
  /** Its channels are cut, its operator and its agent are told, its row ends: once in its life. */
  | { readonly kind: 'finish'; readonly reason: CloseReason };

interface Step {
  readonly state: SessionState;
  readonly effects: readonly SessionEffect[];
}

/** What does not fit the state changes nothing: who comes second finds it done. */
export function step(state: SessionState, event: SessionEvent): Step {
  const stay: Step = { state, effects: [] };
  if (event.kind === 'opened') {
    if (state.phase !== 'opening') return stay;
    const { at, rules } = event;
    return judge({ phase: 'live', since: at, keptAt: at, lastActivity: at, rules, warned: false }, at);
  }
  if (event.kind === 'written') return state.phase === 'ending' ? { state: { phase: 'ended', reason: state.reason }, effects: [] } : stay;
  if (state.phase !== 'live') return stay;
  switch (event.kind) {
    case 'active':
      return { state: { ...state, lastActivity: event.at }, effects: [] };
    case 'kept':
      return judge({ ...state, lastActivity: event.at, keptAt: event.at, warned: state.warned && state.rules.keptMs === null }, event.at);
    case 'ruled':
      return judge({ ...state, rules: { ...state.rules, ...event.length }, warned: false }, event.at);
    case 'due':
      return judge(state, event.at);
    case 'end':
      return finish(event.reason);
  }
}

/** When time alone will end it: without its operator, and whatever its operator does. Undefined when it is not live. */
export function endsOf(state: SessionState): { readonly idleAt: number; readonly longestAt: number | null } | undefined {
  if (state.phase !== 'live') return undefined;
  const { at } = longestOf(state);
  return { idleAt: state.lastActivity + state.rules.idleMs, longestAt: at === Number.POSITIVE_INFINITY ? null : at };
}

type Live = Extract<SessionState, { phase: 'live' }>;

/** `movable`: it would come later if its operator asked to keep the session. */
function longestOf({ since, keptAt, rules: { longestMs, keptMs } }: Live): { readonly at: number; readonly movable: boolean } {
  const [fixedAt, keptUntil] = [since + (longestMs ?? Number.POSITIVE_INFINITY), keptAt + (keptMs ?? Number.POSITIVE_INFINITY)];
  return { at: Math.min(fixedAt, keptUntil), movable: keptUntil < fixedAt };
}

function judge(state: Live, now: number): Step {
  const { lastActivity, rules, warned } = state;
  const { at: longestAt, movable } = longestOf(state);
  const warnMs = Math.min(rules.warningMs, Math.min(rules.longestMs ?? Number.POSITIVE_INFINITY, rules.keptMs ?? Number.POSITIVE_INFINITY) / 2);
  if (now >= longestAt) return finish('too-long');
  const idle = judgeIdle(lastActivity, { limitMs: rules.idleMs, warningMs: rules.warningMs }, now);
  if (idle.idle) return finish('idle');
  const warnLong = !warned && now >= longestAt - warnMs;
  const longNext = warned || warnLong ? longestAt : longestAt - warnMs;
  const effects: SessionEffect[] = [{ kind: 'wake', at: Math.min(idle.askAgainAt, longNext) }];
  if (warnLong) effects.push({ kind: 'warn', reason: 'too-long', endsInMs: longestAt - now, avoidable: movable });
  else if (idle.warn && idle.endsAt < longestAt) effects.push({ kind: 'warn', reason: 'idle', endsInMs: idle.endsAt - now, avoidable: true });
  return { state: { ...state, warned: warned || warnLong }, effects };
}

function finish(reason: CloseReason): Step {
  return { state: { phase: 'ending', reason }, effects: [{ kind: 'finish', reason }] };
}
