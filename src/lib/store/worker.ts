// The thread that owns the database file: it runs one statement after the other, so that a wait for a lock blocks nobody else.
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import type { Answer, Failure, Question, SqlRow, SqlValue, WorkerStart } from './messages.ts';
import { diskErrcode, openDatabase } from './worker-file.ts';

const STATEMENTS_KEPT = 200;
const IO_ERROR = 10;
const FULL = 13;
const CANNOT_OPEN = 14;
/** Setting the wait anew costs 40 us, a quarter of a lookup. */
const WAIT_STEP_MS = 50;

if (parentPort === null) throw new Error('store/worker.ts runs in a worker thread only');
const port = parentPort;
const answer = (message: Answer) => port.postMessage(message);

const { path, waitMs }: WorkerStart = workerData;

try {
  serve(openDatabase(path, waitMs));
  answer({ id: 0, kind: 'open' });
} catch (error) {
  answer({ id: 0, kind: 'failed', failure: failureOf(error) });
  port.close();
}

function serve(database: DatabaseSync): void {
  const statements = new Map<string, StatementSync>();
  let lastWait = -1;
  const prepared = (sql: string): StatementSync => {
    const kept = statements.get(sql);
    if (kept !== undefined) return kept;
    if (statements.size >= STATEMENTS_KEPT) statements.clear();
    const statement = database.prepare(sql);
    statements.set(sql, statement);
    return statement;
  };

  const run = (sql: string, parameters: readonly SqlValue[], waitMs: number): { rows: SqlRow[]; changes: number } => {
    const wait = Math.floor(waitMs / WAIT_STEP_MS) * WAIT_STEP_MS;
    if (wait !== lastWait) database.exec(`pragma busy_timeout = ${wait}`);
    lastWait = wait;
    const statement = prepared(sql);
    if (statement.columns().length > 0) return { rows: statement.all(...parameters), changes: 0 };
    return { rows: [], changes: Number(statement.run(...parameters).changes) };
  };

  port.on('message', (question: Question) => {
    try {
      const result = question.kind === 'run' ? run(question.sql, question.parameters, question.waitMs) : { rows: [], changes: 0 };
      if (question.kind === 'reset' && database.isTransaction) database.exec('rollback');
      if (question.kind === 'close') database.close();
      answer({ id: question.id, kind: 'done', ...result });
      if (question.kind === 'close') port.close();
    } catch (error) {
      answer({ id: question.id, kind: 'failed', failure: failureOf(error) });
    }
  });
}

function failureOf(error: unknown): Failure {
  if (!(error instanceof Error)) return { message: String(error), errcode: undefined };
  if ('errcode' in error && typeof error.errcode === 'number') {
    const isDisk = [IO_ERROR, CANNOT_OPEN].includes(error.errcode & 0xff);
    return { message: error.message, errcode: isDisk ? diskErrcode(path, error.errcode) : error.errcode };
  }
  if ('code' in error && error.code === 'ENOSPC') return { message: error.message, errcode: FULL };
  return { message: error.message, errcode: 'syscall' in error ? CANNOT_OPEN : undefined };
}
