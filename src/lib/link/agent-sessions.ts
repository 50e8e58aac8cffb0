// The agent's end of sessions on one link: which are open, and under what terms. A channel outside of them is refused (version 2).
import { TunnelError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { SessionOpen, SessionReady, SessionRefused, SessionUpdate } from '../protocol/messages.ts';
import { fitReason, refusalOf } from '../protocol/refusal.ts';

export interface SessionOffer {
  readonly sessionId: string;
  readonly operator: string;
  readonly idleLimitMs: number;
  /** Compact JWS, not verified yet. */
  readonly material: string;
}

/** `judge` verifies the material and says what it grants; its TunnelError becomes the refusal. */
export class AgentSessions<Grant> {
  readonly #judge: (offer: SessionOffer) => Promise<Grant>;
  readonly #open = new Map<string, { readonly operator: string; readonly grant: Grant }>();

  constructor(judge: (offer: SessionOffer) => Promise<Grant>) {
    this.#judge = judge;
  }

  get size(): number {
    return this.#open.size;
  }

  /**
   * Judges an open or an update and gives the answer to send. Await one before the next, so that the last one sent is the one that holds.
   * A refused update leaves the terms before it. Errors other than a TunnelError of the judge are thrown.
   */
  async offered(message: SessionOpen | SessionUpdate): Promise<SessionReady | SessionRefused> {
    const { sessionId, revision, idleLimitMs, material } = message;
    try {
      const operator = message.kind === 'session-open' ? message.operator : this.#open.get(sessionId)?.operator;
      if (operator === undefined) throw new TunnelError('session.unknown', 'no such session is open on this link');
      if (!this.#open.has(sessionId) && this.#open.size >= LIMITS.sessionsPerAgent) {
        throw new TunnelError('limit.reached', `${LIMITS.sessionsPerAgent} sessions are open on this agent`);
      }
      const grant = await this.#judge({ sessionId, operator, idleLimitMs, material });
      this.#open.set(sessionId, { operator, grant });
      return { kind: 'session-ready', sessionId, revision };
    } catch (error) {
      if (!(error instanceof TunnelError)) throw error;
      return { kind: 'session-refused', sessionId, revision, code: refusalOf(error), reason: fitReason(error.message) };
    }
  }

  /** What the session grants now; undefined when it is not open. */
  grant(sessionId: string): Grant | undefined {
    return this.#open.get(sessionId)?.grant;
  }

  /** By SessionClose, or by the agent itself. */
  close(sessionId: string): void {
    this.#open.delete(sessionId);
  }
}
