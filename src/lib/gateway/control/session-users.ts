// Which connections of operators use which sessions: what only one used that has gone ends soon after it (security.md, Faults).
import type { Timer, World } from '../../base/world.ts';
import type { Sessions } from './sessions.ts';

/** For the operator's next command, and for the channels that end with the connection: nothing may happen in a session for so long before it ends. */
const GRACE_MS = 300;
/** A new connection to the edge and its question, far away; the whole must stay below the 5 s that a session may outlive its program. */
const ATTACHED_WITHIN_MS = 3000;

export class SessionUsers implements Disposable {
  readonly #sessions: Sessions;
  readonly #world: Pick<World, 'clock' | 'log'>;
  /** Session ids by connection. */
  readonly #uses = new Map<string, Set<string>>();
  /** Operator ids by connection, also of those that use no session now. */
  readonly #present = new Map<string, string>();
  readonly #leaving = new Map<string, Timer>();
  #over = false;

  constructor(sessions: Sessions, world: Pick<World, 'clock' | 'log'>) {
    this.#sessions = sessions;
    this.#world = world;
  }

  present(connection: string, operatorId: string): void {
    this.#present.set(connection, operatorId);
  }

  connectionsOf(of: { readonly sessionId: string } | { readonly operatorId: string }): string[] {
    if ('operatorId' in of) return [...this.#present].filter(([, operatorId]) => operatorId === of.operatorId).map(([connection]) => connection);
    return [...this.#uses].filter(([, used]) => used.has(of.sessionId)).map(([connection]) => connection);
  }

  /** Ids of sessions. */
  usedBy(connection: string): Iterable<string> {
    return this.#uses.get(connection) ?? [];
  }

  use(connection: string, sessionId: string): void {
    const used = this.#uses.get(connection) ?? new Set();
    this.#uses.set(connection, used.add(sessionId));
  }

  /** A program whose session was lost has got it again, and attaches to it next; one that went away meanwhile never will. */
  expect(sessionId: string): void {
    if (!this.#leaving.has(sessionId)) this.#judgeIn(ATTACHED_WITHIN_MS, sessionId);
  }

  /** The connection has ended; whatever it asked for was answered before. */
  leave(connection: string): void {
    const left = this.#uses.get(connection) ?? [];
    this.#uses.delete(connection);
    this.#present.delete(connection);
    for (const sessionId of left) this.#judgeIn(GRACE_MS, sessionId);
  }

  /** The edge that carried the connections is lost. */
  leaveAll(): void {
    for (const connection of new Set([...this.#uses.keys(), ...this.#present.keys()])) this.leave(connection);
  }

  [Symbol.dispose](): void {
    this.#over = true;
    for (const timer of this.#leaving.values()) timer.cancel();
  }

  #judgeIn(ms: number, sessionId: string): void {
    if (this.#over) return;
    this.#leaving.get(sessionId)?.cancel();
    const judge = () => {
      this.#leaving.delete(sessionId);
      this.#judge(sessionId);
    };
    this.#leaving.set(sessionId, this.#world.clock.after(ms, judge));
  }

  /** Channels of plain clients, which have no connection of their own here, leave it to the idle limit. */
  #judge(sessionId: string): void {
    const session = this.#sessions.find(sessionId);
    if (!session || session.channels.size > 0 || this.#uses.values().some((used) => used.has(sessionId))) return;
    const left = session.lastUse + GRACE_MS - this.#world.clock.monotonic();
    if (left > 0) {
      this.#judgeIn(left, sessionId);
      return;
    }
    this.#sessions
      .end(sessionId, 'operator-closed')
      .catch((error: unknown) => this.#world.log.error({ error, sessionId }, 'a session that was left could not be ended'));
  }
}
