// The agent's own audit log: audit.jsonl in its data folder, mode 0600, hash-chained, of bounded size; what the gateway records too, as the agent saw it (requirements B7).
import { join } from 'node:path';
import { z } from 'zod';
import { type ChainHead, chained, NO_HASH } from '../audit/chain.ts';
import type { AuditEvent } from '../audit/event.ts';
import { safeJson } from '../base/escape.ts';
import { LIMITS } from '../base/limits.ts';
import type { Timer, World } from '../base/world.ts';

export const JOURNAL_FILE = 'audit.jsonl';
/** The rows before; the ones before those are gone. */
const OLDER_FILE = 'audit.1.jsonl';
const COMMIT_WITHIN_MS = 200;
const RETRY_MS = 5000;
/** While the disk takes none. The number of those that were lost stands in the next row that is kept. */
const MOST_WAITING = 10_000;

const Row = z.object({ seq: z.number().int(), hash: z.string() });

interface Waiting extends AuditEvent {
  readonly time: number;
}

/** One writer a folder: its owner holds the agent's lock. */
export class Journal implements AsyncDisposable {
  readonly #path: string;
  readonly #older: string;
  readonly #world: Pick<World, 'clock' | 'files' | 'log'>;
  #waiting: Waiting[] = [];
  #lost = 0;
  #head: ChainHead = { seq: 0, hash: NO_HASH };
  #bytes = 0;
  /** A write has failed: part of it may be there, or all. */
  #torn = false;
  #timer: Timer | undefined;
  #writing: Promise<void> | undefined;

  private constructor(dataDir: string, world: Pick<World, 'clock' | 'files' | 'log'>) {
    this.#path = join(dataDir, JOURNAL_FILE);
    this.#older = join(dataDir, OLDER_FILE);
    this.#world = world;
  }

  /** Goes on behind the last whole row: half a row, from a machine that lost its power, is cut off. Errors `file.loose-mode`, `file.failed`. */
  static async open(dataDir: string, world: Pick<World, 'clock' | 'files' | 'log'>): Promise<Journal> {
    const journal = new Journal(dataDir, world);
    await journal.#mend();
    if (journal.#bytes === 0) journal.#goOn(await read(journal.#older, world.files));
    return journal;
  }

  keep(event: AuditEvent): void {
    if (this.#waiting.length >= MOST_WAITING) this.#lost += 1;
    else this.#waiting.push({ ...event, time: this.#world.clock.now() });
    this.#writeIn(COMMIT_WITHIN_MS);
  }

  /** Resolves when what was given before is on disk, or could not be put there now. */
  async flush(): Promise<void> {
    await this.#writing;
    await this.#write();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.flush();
    this.#timer?.cancel();
    if (this.#waiting.length > 0) this.#world.log.error({ rows: this.#waiting.length }, 'rows of the audit log were lost');
  }

  #goOn(text: string): void {
    const last = text.trimEnd().split('\n').at(-1) ?? '';
    this.#head = Row.safeParse(parse(last)).data ?? this.#head;
  }

  #writeIn(ms: number): void {
    this.#timer ??= this.#world.clock.after(ms, () => void this.#write());
  }

  #write(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = undefined;
      if (this.#waiting.length > 0) this.#writeIn(this.#torn ? RETRY_MS : COMMIT_WITHIN_MS);
    });
    return this.#writing;
  }

  /** What comes meanwhile waits for its own time: row by row, each would cost as much as many. */
  async #writeAll(): Promise<void> {
    const { files, log } = this.#world;
    try {
      if (this.#torn) await this.#mend();
      if (this.#waiting.length === 0) return;
      const taken = this.#waiting.length;
      const lost = this.#lost;
      const rows = chained(withLost(this.#waiting, lost), this.#head);
      const text = rows.map((row) => `${safeJson(row)}\n`).join('');
      if (this.#bytes > 0 && this.#bytes + text.length > LIMITS.agentAuditBytes) await this.#rotate();
      await files.append(this.#path, text);
      this.#bytes += Buffer.byteLength(text);
      this.#lost -= lost;
      this.#waiting = this.#waiting.slice(taken);
      this.#head = rows.at(-1) ?? this.#head;
    } catch (error) {
      log.error({ error, rows: this.#waiting.length }, 'rows of the audit log wait: the disk does not take them');
      this.#torn = true;
    }
  }

  /** Half a row is cut off; whole ones that were thought to wait do not. */
  async #mend(): Promise<void> {
    const { files } = this.#world;
    const text = await read(this.#path, files);
    const whole = text.slice(0, text.lastIndexOf('\n') + 1);
    if (whole !== text) await files.replaceAtomically(this.#path, whole);
    this.#bytes = Buffer.byteLength(whole);
    const { seq } = this.#head;
    this.#goOn(whole);
    this.#waiting.splice(0, this.#head.seq - seq);
    this.#torn = false;
  }

  async #rotate(): Promise<void> {
    const { files } = this.#world;
    await files.replaceAtomically(this.#older, await read(this.#path, files));
    await files.replaceAtomically(this.#path, '');
    this.#bytes = 0;
  }
}

function withLost([first, ...rest]: readonly Waiting[], lost: number): Waiting[] {
  if (first === undefined) return [];
  return [lost > 0 ? { ...first, detail: { ...first.detail, lost_before: lost } } : first, ...rest];
}

async function read(path: string, files: World['files']): Promise<string> {
  return Buffer.from((await files.readSecret(path)) ?? new Uint8Array()).toString();
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
