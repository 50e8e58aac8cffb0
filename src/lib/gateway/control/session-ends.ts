// How a session ends: who uses it is told, its channels are cut, and then it is written down, again and again until the store takes it.
import type { AuditEvent } from '../../audit/event.ts';
import type { Timer, World } from '../../base/world.ts';
import { type CloseReason, effectOf, endText } from '../../sessions/close-reason.ts';
import type { Store } from '../../store/open.ts';
import type { EdgeForControl } from '../contract.ts';
import type { LiveSession } from './live-session.ts';
import type { Tallies } from './tallies.ts';

const RETRY_MS = 1000;

export interface EndsOptions {
  readonly store: Pick<Store, 'transaction'>;
  readonly world: Pick<World, 'clock' | 'log'>;
  readonly tallies: Tallies;
  readonly edge: () => EdgeForControl | undefined;
  /** Connections of operators that use a session. */
  readonly usersOf: (sessionId: string) => readonly string[];
}

export interface Ending {
  readonly session: LiveSession;
  readonly reason: CloseReason;
  /** What an administrator gave as the reason. */
  readonly note: string | null;
}

export class SessionEnds implements AsyncDisposable {
  readonly #options: EndsOptions;
  /** Those that wait for the store, by session id. */
  readonly #unwritten = new Map<string, Ending>();
  #timer: Timer | undefined;
  #over = false;

  constructor(options: EndsOptions) {
    this.#options = options;
  }

  /** Rejects where the store does not take it now; it is tried until it does. */
  async end(ending: Ending): Promise<void> {
    const { edge, tallies, usersOf, world } = this.#options;
    const { session, reason, note } = ending;
    const users = effectOf(reason) === 'none' ? [] : usersOf(session.id);
    const failed = (error: unknown) => world.log.info({ error, sessionId: session.id }, 'the edge could not end a session: its link may be gone');
    // In this order: who hears why before the channels are cut can say so.
    const told = users.length > 0 ? edge()?.tellOperators(users, { reason, message: noticeText(ending), sessionId: session.id }) : undefined;
    await Promise.all([told?.catch(failed), edge()?.endSession(session.id, reason).catch(failed)]);
    world.log.info({ sessionId: session.id, operator: session.operator.name, agent: session.agent.name, reason, note }, 'session ended');
    tallies.add('sessions_ended_total', { reason });
    try {
      await this.#write(ending);
    } catch (error) {
      this.#unwritten.set(session.id, ending);
      this.#retryLater();
      throw error;
    }
  }

  /** Its row goes on as that of another session object: its end is not to be written any more. */
  revived(sessionId: string): void {
    this.#unwritten.delete(sessionId);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over = true;
    this.#timer?.cancel();
    await Promise.allSettled(this.#unwritten.values().map((ending) => this.#write(ending)));
  }

  async #write({ session, reason, note }: Ending): Promise<void> {
    await this.#options.store.transaction(async (tables) => {
      const ended = await tables.sessions.end(session.id, reason);
      if (ended) await tables.audit.append(endedEvent({ session, reason, note }));
    });
    session.written();
  }

  #retryLater(): void {
    if (!this.#over) this.#timer ??= this.#options.world.clock.after(RETRY_MS, () => void this.#retry());
  }

  async #retry(): Promise<void> {
    this.#timer = undefined;
    for (const [id, ending] of this.#unwritten) {
      try {
        await this.#write(ending);
        this.#unwritten.delete(id);
      } catch (error) {
        this.#options.world.log.warn({ error, waiting: this.#unwritten.size }, 'ends of sessions wait: the store does not take them');
        return this.#retryLater();
      }
    }
  }
}

/** As it stands on the operator's screen. */
function noticeText({ session: { agent }, reason, note }: Ending): string {
  return `the session on ${agent.name} was ended: ${endText(reason, note)}`;
}

function endedEvent({ session, reason, note }: Ending): AuditEvent {
  return {
    code: 'session.ended',
    actor: 'gateway',
    subject: `agent:${session.agent.name}`,
    detail: { session_id: session.id, operator: session.operator.name, reason, ...(note === null ? {} : { note }) },
  };
}
