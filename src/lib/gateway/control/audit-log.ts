// Audit rows that need not be on disk before the next byte: kept in order, many at once, within 200 ms (security.md, Limits).
import type { AuditCode, AuditEvent } from '../../audit/event.ts';
import { TunnelError } from '../../base/errors.ts';
import type { Timer, World } from '../../base/world.ts';
import type { Store } from '../../store/open.ts';

const COMMIT_WITHIN_MS = 200;
const RETRY_MS = 1000;
const ROWS_AT_ONCE = 1000;
const PROVOKED_PER_SECOND = 50;

/** What needs its row before anything else happens takes `store.transaction` itself; this is for what has happened already. */
export class AuditLog implements AsyncDisposable {
  readonly #store: Pick<Store, 'audit'>;
  readonly #world: Pick<World, 'clock' | 'log'>;
  #waiting: AuditEvent[] = [];
  #timer: Timer | undefined;
  #flushing: Promise<void> | undefined;
  #failing = false;
  #window = { endsAt: 0, count: 0 };
  /** By code, so that what one attack provoked is not counted as another's. */
  readonly #suppressed = new Map<AuditCode, { last: AuditEvent; count: number }>();

  constructor(store: Pick<Store, 'audit'>, world: Pick<World, 'clock' | 'log'>) {
    this.#store = store;
    this.#world = world;
  }

  /** Never dropped: while the store does not take it, it waits. */
  keep(event: AuditEvent): void {
    this.#waiting.push(event);
    this.#flushIn(this.#failing ? RETRY_MS : COMMIT_WITHIN_MS);
  }

  /** What an agent can cause at will: 50 rows a second, the rest as a number on the next row. */
  keepProvoked(event: AuditEvent): void {
    const now = this.#world.clock.monotonic();
    if (now >= this.#window.endsAt) this.#window = { endsAt: now + 1000, count: 0 };
    if (++this.#window.count > PROVOKED_PER_SECOND) {
      this.#suppressed.set(event.code, { last: event, count: (this.#suppressed.get(event.code)?.count ?? 0) + 1 });
      this.#flushIn(RETRY_MS);
    } else this.keep(event);
  }

  /** No audit, no session: while rows cannot be kept nothing new may begin. Error `store.busy`. */
  assertKeeping(): void {
    if (this.#failing)
      throw new TunnelError('store.busy', 'the audit log cannot be written', { hint: 'Look at the disk of the gateway; nothing new begins until it can.' });
  }

  /** Resolves when what was given before is on disk, or could not be put there now. */
  async flush(): Promise<void> {
    await this.#flushing;
    await this.#flushOnce();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.flush();
    this.#timer?.cancel();
    if (this.#waiting.length > 0) this.#world.log.error({ rows: this.#waiting.length }, 'audit rows were lost');
  }

  #flushIn(ms: number): void {
    this.#timer ??= this.#world.clock.after(ms, () => void this.#flushOnce());
  }

  #flushOnce(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#flushing ??= this.#write().finally(() => {
      this.#flushing = undefined;
      if (this.#waiting.length > 0 || this.#suppressed.size > 0) this.#flushIn(this.#failing ? RETRY_MS : COMMIT_WITHIN_MS);
    });
    return this.#flushing;
  }

  async #write(): Promise<void> {
    this.#summarise();
    // What comes meanwhile waits for its own time: one row by one, each would cost as much as many.
    for (let left = this.#waiting.length; left > 0; ) {
      const rows = this.#waiting.slice(0, Math.min(left, ROWS_AT_ONCE));
      left -= rows.length;
      try {
        await this.#store.audit.appendAll(rows);
        this.#waiting = this.#waiting.slice(rows.length);
        this.#failing = false;
      } catch (error) {
        this.#failing = true;
        this.#world.log.error({ error, rows: this.#waiting.length }, 'audit rows wait: the store does not take them');
        return;
      }
    }
  }

  #summarise(): void {
    for (const { last, count } of this.#suppressed.values()) {
      const { code, actor, subject } = last;
      this.#waiting.push({ code, actor, subject, detail: { more: count, note: 'rows above 50 a second, this is the last of them' } });
    }
    this.#suppressed.clear();
  }
}
