// Sessions as they come, change and end: what is live, then each change as it is seen.
import { TunnelError } from '../base/errors.ts';
import type { Clock } from '../base/world.ts';
import type { ApiClient } from './client.ts';
import type { SessionRow } from './locks.ts';

const LOOK_AGAIN_MS = 500;
const PAGE = 1000;

export interface SessionChange {
  /** `live`: it is there, or was opened. `changed`: other channels, or a lock. */
  readonly change: 'live' | 'changed' | 'ended';
  readonly session: SessionRow;
}

/** One that opened and ended between two looks is not seen; the audit log has it. Ends only by an abort of `signal`, whose reason it throws, or by an error of the API. */
export async function* followSessions(
  client: Pick<ApiClient, 'listSessions' | 'getSession'>,
  clock: Pick<Clock, 'sleep'>,
  signal: AbortSignal,
): AsyncGenerator<SessionChange, never> {
  for (let before = new Map<string, SessionRow>(); ; ) {
    const now = await liveOnes(client, signal);
    for (const session of now.values()) {
      const known = before.get(session.id);
      if (!known) yield { change: 'live', session };
      else if (looksOf(known) !== looksOf(session)) yield { change: 'changed', session };
    }
    for (const [id, known] of before) if (!now.has(id)) yield { change: 'ended', session: await lastOf(client, known, signal) };
    before = now;
    await clock.sleep(LOOK_AGAIN_MS, signal);
    signal.throwIfAborted();
  }
}

async function liveOnes(client: Pick<ApiClient, 'listSessions'>, signal: AbortSignal): Promise<Map<string, SessionRow>> {
  const live = new Map<string, SessionRow>();
  for (let after: string | undefined; ; ) {
    const page: Awaited<ReturnType<ApiClient['listSessions']>> = await client.listSessions({ after, limit: PAGE }, signal);
    for (const session of page.sessions) if (session.state === 'live') live.set(session.id, session);
    if (page.next === null) return live;
    after = page.next;
  }
}

/** One whose agent or operator was deleted has left the list for good. */
async function lastOf(client: Pick<ApiClient, 'getSession'>, known: SessionRow, signal: AbortSignal): Promise<SessionRow> {
  try {
    return await client.getSession(known.id, signal);
  } catch (error) {
    if (error instanceof TunnelError && error.code === 'session.unknown') return { ...known, state: 'ended', targets: [] };
    throw error;
  }
}

/** What a reader would see change; when it ends by itself moves all the time. */
function looksOf({ targets, lock }: SessionRow): string {
  return JSON.stringify([targets, lock]);
}
