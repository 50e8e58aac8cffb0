// Sessions as one link's agent knows them: opened before their first channel, updated when their material changes, ended with all their channels.

import { unlessAborted, within } from '../../base/deadline.ts';
import { TunnelError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { Clock } from '../../base/world.ts';
import type { GatewayControl } from '../../link/control.ts';
import type { SessionClose, SessionReady, SessionRefused } from '../../protocol/messages.ts';
import { fitReason, refusalError } from '../../protocol/refusal.ts';
import type { SessionLease } from '../contract.ts';

interface Open {
  readonly ending: AbortController;
  /** Of the last open or update that was sent. */
  revision: number;
  /** The agent has taken terms of it: refused ones leave those in force. */
  held: boolean;
  material: string;
  /** Settles with the agent's answer to it. */
  answer: PromiseWithResolvers<void>;
}

export class LinkSessions {
  readonly #stream: Pick<GatewayControl, 'version' | 'send'>;
  readonly #clock: Clock;
  readonly #open = new Map<string, Open>();
  /** They rise with every open and update of the link (docs/protocol.md, 3). */
  #lastRevision = 0;

  constructor(stream: Pick<GatewayControl, 'version' | 'send'>, clock: Clock) {
    this.#stream = stream;
    this.#clock = clock;
  }

  /**
   * Makes sure that the agent holds `lease` and its present material. Gives a signal that aborts, with a `session.refused`, when the session ends: every channel of it ends then.
   * Errors: the agent's refusal, `agent.silent`, the signal's reason. Version 1 knows no sessions; there it costs nothing.
   */
  async ensure(lease: SessionLease, signal: AbortSignal): Promise<AbortSignal> {
    const session = this.#open.get(lease.sessionId) ?? this.#add(lease.sessionId);
    if (this.#stream.version === 1) return session.ending.signal;
    if (session.material !== lease.material) this.#offer(session, lease);
    const silent = () => new TunnelError('agent.silent', `the agent did not take the session within ${LIMITS.connectResponseV2Ms} ms`);
    await within(this.#clock, LIMITS.connectResponseV2Ms, silent, signal, (either) => unlessAborted(session.answer.promise, either));
    return session.ending.signal;
  }

  /** Newer material for a session that is open here; nobody waits for the agent's answer. */
  update(lease: SessionLease): void {
    const session = this.#open.get(lease.sessionId);
    if (session !== undefined && this.#stream.version === 2 && session.material !== lease.material) this.#offer(session, lease);
  }

  /** What the agent says about sessions. An answer to anything but the last offer comes late and changes nothing. */
  hear(message: SessionReady | SessionRefused | SessionClose): void {
    const session = this.#open.get(message.sessionId);
    if (session === undefined) return;
    if (message.kind === 'session-close') this.#forget(message.sessionId, session, `the agent closed the session: ${message.reason}`);
    else {
      session.held ||= message.kind === 'session-ready';
      if (message.revision === session.revision) this.#hearAnswer(message, session);
    }
  }

  /** Resets the session's channels and tells the agent. Nothing to do where it is not open. */
  async end(sessionId: string, reason: string): Promise<void> {
    const session = this.#open.get(sessionId);
    if (session === undefined) return;
    this.#forget(sessionId, session, reason);
    if (this.#stream.version === 2) await this.#stream.send({ kind: 'session-close', sessionId, reason: fitReason(reason) });
  }

  #add(sessionId: string): Open {
    const session: Open = { ending: new AbortController(), revision: 0, held: false, material: '', answer: newAnswer() };
    this.#open.set(sessionId, session);
    return session;
  }

  /** Sent at once, so that offers and the channels after them keep their order; whoever waits gets the answer to the newest. */
  #offer(session: Open, { sessionId, operator, idleLimitMs, material }: SessionLease): void {
    const before = session.answer;
    session.answer = newAnswer();
    session.answer.promise.then(before.resolve, before.reject);
    const isFirst = session.revision === 0;
    this.#lastRevision += 1;
    session.revision = this.#lastRevision;
    session.material = material;
    const { revision, answer } = session;
    const message = isFirst
      ? ({ kind: 'session-open', sessionId, revision, operator, idleLimitMs, material } as const)
      : ({ kind: 'session-update', sessionId, revision, idleLimitMs, material } as const);
    this.#stream.send(message).catch(answer.reject);
  }

  #hearAnswer(message: SessionReady | SessionRefused, session: Open): void {
    if (message.kind === 'session-ready') {
      session.answer.resolve();
      return;
    }
    // docs/protocol.md, 5: what would be policy for a channel is about the session here.
    const error =
      message.code === 'not-allowed'
        ? new TunnelError('session.refused', `the agent refused the session: ${message.reason || message.code}`)
        : refusalError(message.code, message.reason);
    session.answer.reject(error);
    session.material = ''; // The next channel offers it again.
    if (!session.held) this.#forget(message.sessionId, session, error.message);
  }

  #forget(sessionId: string, session: Open, reason: string): void {
    if (this.#open.get(sessionId) === session) this.#open.delete(sessionId);
    const error = new TunnelError('session.refused', reason);
    session.answer.reject(error);
    session.ending.abort(error);
  }
}

function newAnswer(): PromiseWithResolvers<void> {
  const answer = Promise.withResolvers<void>();
  answer.promise.catch(() => {}); // For those who wait, and maybe nobody does any more.
  return answer;
}
