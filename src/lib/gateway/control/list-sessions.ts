// Sessions as their operators see their own, and an administrator all of them; and their end by hand.
import type { CutAnswer, SessionList, SessionRow } from '../../api/locks.ts';
import { TunnelError } from '../../base/errors.ts';
import type { PageRequest } from '../../store/page.ts';
import type { NamedSession } from '../../store/sessions.ts';
import type { Caller } from './caller.ts';
import type { ControlContext } from './context.ts';
import { countOf } from './cut-off.ts';
import type { Session } from './live-session.ts';
import { shownLock } from './may-open.ts';

/** Live and locked ones, with `ended` all that ever were. */
export async function listSessions(
  context: ControlContext,
  caller: Caller,
  { ended, ...page }: PageRequest & { readonly ended: boolean },
): Promise<SessionList> {
  const operatorId = caller.kind === 'operator' ? (caller.operator?.id ?? '') : null;
  const { rows, next } = await context.store.sessions.list({ ...page, operatorId, ended });
  return { sessions: rows.map((row) => rowOf(context, row)), next };
}

/** Errors `session.unknown`, `scope.missing` for somebody else's. */
export async function getSession(context: ControlContext, caller: Caller, id: string): Promise<SessionRow> {
  return rowOf(context, await knownSession(context, caller, id));
}

/** Its channels are cut and its programs end; nothing keeps its operator from opening another. Errors as `getSession`. One that has ended stays as it is. */
export async function closeSession(context: ControlContext, caller: Caller, id: string): Promise<CutAnswer> {
  const session = await knownSession(context, caller, id);
  const reason = caller.operator?.id === session.operatorId ? 'operator-closed' : 'admin-closed';
  const ended = await context.sessions.endWhere((live) => live.id === id, reason);
  if (ended.length === 0 && session.state === 'live') await context.store.sessions.end(id, reason); // without a running gateway
  return { links: 0, ...countOf(ended) };
}

/** Keeps it from being idle for another while, and lengthens it where policy says that its operator may. Errors as `getSession`; `scope.missing` for an administrator too, who does not use it; `session.unknown` when it has ended. */
export async function keepSession(context: ControlContext, caller: Caller, id: string): Promise<SessionRow> {
  const session = await knownSession(context, caller, id);
  if (session.operatorId !== caller.operator?.id) throw new TunnelError('scope.missing', 'only its operator keeps a session');
  if (!context.sessions.find(session.id)) throw new TunnelError('session.unknown', `the session ${session.id} has ended`, { hint: 'Open another one.' });
  context.sessions.kept(session.id);
  return rowOf(context, session);
}

/** Ids are compared in lower case. Errors `session.unknown`, `scope.missing` for somebody else's. */
export async function knownSession({ store }: ControlContext, caller: Caller, id: string): Promise<NamedSession> {
  const session = await store.sessions.named(id);
  if (!session) throw new TunnelError('session.unknown', `there is no session ${id.slice(0, 80)}`, { hint: 'tunnel session list shows those there are.' });
  if (caller.kind === 'operator' && session.operatorId !== caller.operator?.id)
    throw new TunnelError('scope.missing', 'this session is of another operator', { hint: 'Only its operator and administrators may see or close it.' });
  return session;
}

function rowOf({ sessions }: ControlContext, row: NamedSession): SessionRow {
  const live = row.state === 'live' ? sessions.find(row.id) : undefined;
  return {
    id: row.id,
    operator: row.operator,
    agent: row.agent,
    agent_id: row.agentId,
    state: row.state,
    opened_at: new Date(row.openedAt).toISOString(),
    ended_at: row.endedAt === null ? null : new Date(row.endedAt).toISOString(),
    reason: row.reason,
    targets: [...(live?.channels.values() ?? [])],
    tunnel_id: row.tunnelId,
    ...endsOf(live),
    lock: shownLock(row.lockedAt === null ? null : { at: row.lockedAt, reason: row.lockReason }),
  };
}

/** When time alone will end it. */
export function endsOf(live: Session | undefined): { idle_ends_at: string | null; longest_ends_at: string | null } {
  const shown = (at: number | null | undefined) => (at === null || at === undefined ? null : new Date(at).toISOString());
  return { idle_ends_at: shown(live?.ends?.idleAt), longest_ends_at: shown(live?.ends?.longestAt) };
}
