// The gateway's end of sessions on one link: opened once, updated when their material changes, before any channel uses them.

import { unlessAborted, within } from '../base/deadline.ts';
import { TunnelError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { Clock } from '../base/world.ts';
import type { SessionReady, SessionRefused } from '../protocol/messages.ts';
import { ERROR_OF_REFUSAL, type Refusal } from '../protocol/refusal.ts';
import type { GatewayControl } from './control.ts';

export interface Lease {
  readonly sessionId: string;
  readonly operator: string;
  readonly idleLimitMs: number;
  /** Compact JWS. */
  readonly material: string;
}

interface Offered {
  /** Undefined when the agent refused it: the next wish is sent again, even if it is the same. */
  material: string | undefined;
  /** The agent held the session at some time. */
  open: boolean;
  readonly answered: Promise<void>;
}

type Answer = SessionReady | SessionRefused;

const ANSWER_MS = LIMITS.connectResponseV2Ms;

/** One for each link; the owner hands it the agent's answers. On version 1, which has no sessions, everything is done at once and nothing is sent. */
export class GatewaySessions {
  readonly #control: Pick<GatewayControl, 'version' | 'send'>;
  readonly #clock: Clock;
  readonly #linkSignal: AbortSignal;
  readonly #offered = new Map<string, Offered>();
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #lastRevision = 0;

  /** `linkSignal` ends all waiting. */
  constructor(control: Pick<GatewayControl, 'version' | 'send'>, clock: Clock, linkSignal: AbortSignal) {
    this.#control = control;
    this.#clock = clock;
    this.#linkSignal = linkSignal;
  }

  /**
   * Resolves when the agent holds this very material. Callers for one session share what is under way; an abort ends only the caller's wait.
   * Errors: `session.refused`, `limit.reached`, `agent.offline` by the agent's word, `agent.silent` after 15 s, those of `send`, the signals' reasons.
   */
  async ensure(lease: Lease, signal: AbortSignal): Promise<void> {
    if (this.#control.version === 1) return;
    const before = this.#offered.get(lease.sessionId);
    const current = before?.material === lease.material ? before : this.#offer(lease, before?.open ?? false);
    await unlessAborted(current.answered, signal);
  }

  /** The agent's answer, from the control stream. One that nobody waits for any more means nothing. */
  answered(answer: Answer): void {
    this.#waiting.get(answer.revision)?.(answer);
  }

  /** Tells the agent that a session is over, where it was ever offered. Errors as `send`. */
  async close(sessionId: string, reason: string): Promise<void> {
    if (this.#offered.delete(sessionId)) await this.#control.send({ kind: 'session-close', sessionId, reason });
  }

  /** The agent has closed it by a SessionClose of its own. */
  forget(sessionId: string): void {
    this.#offered.delete(sessionId);
  }

  #offer(lease: Lease, open: boolean): Offered {
    const offered: Offered = { material: lease.material, open, answered: this.#ask(lease, open) };
    this.#offered.set(lease.sessionId, offered);
    const accepted = () => {
      offered.open = true;
    };
    // Every caller has the error; an agent that refused an update still holds the terms before it.
    const refused = () => {
      offered.material = undefined;
      if (!open && this.#offered.get(lease.sessionId) === offered) this.#offered.delete(lease.sessionId);
    };
    void offered.answered.then(accepted, refused);
    return offered;
  }

  async #ask({ sessionId, operator, idleLimitMs, material }: Lease, open: boolean): Promise<void> {
    this.#lastRevision += 1;
    const revision = this.#lastRevision;
    const { promise, resolve } = Promise.withResolvers<Answer>();
    this.#waiting.set(revision, resolve);
    try {
      const silent = () => new TunnelError('agent.silent', `the agent did not answer for the session within ${ANSWER_MS} ms`);
      const answer = await within(this.#clock, ANSWER_MS, silent, this.#linkSignal, async (signal) => {
        const terms = { sessionId, revision, idleLimitMs, material };
        const sent = this.#control.send(open ? { kind: 'session-update', ...terms } : { kind: 'session-open', operator, ...terms });
        await unlessAborted(sent, signal);
        return await unlessAborted(promise, signal);
      });
      if (answer.kind === 'session-refused') throw refusedSession(answer.code, answer.reason);
    } finally {
      this.#waiting.delete(revision);
    }
  }
}

function refusedSession(code: Refusal, reason: string): TunnelError {
  const temporary = code === 'too-many' || code === 'shutting-down';
  return new TunnelError(temporary ? ERROR_OF_REFUSAL[code] : 'session.refused', `the agent refused the session: ${reason || code}`);
}
