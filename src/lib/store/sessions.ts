// Sessions of operators on agents: an index lets one live at a time for each pair, so that opening and joining is one question.
import { type Kysely, type Selectable, sql } from 'kysely';
import { TunnelError } from '../base/errors.ts';
import type { Clock } from '../base/world.ts';
import type { CloseReason } from '../sessions/close-reason.ts';
import { type Lock, lockColumns, lockOf } from './lock.ts';
import { type Page, type PageRequest, pageOf } from './page.ts';
import type { Schema, SessionsRow } from './schema.ts';

export type SessionRecord = Readonly<Selectable<SessionsRow>>;

/** With the names that people know it by. */
export interface NamedSession extends SessionRecord {
  readonly operator: string;
  readonly agent: string;
}

export interface NewSession extends Pick<SessionRecord, 'id' | 'operatorId' | 'agentId'> {
  readonly newTunnelId: string;
}

export interface SessionsQuery extends PageRequest {
  /** Null: of all. */
  readonly operatorId: string | null;
  /** Those that have ended too. */
  readonly ended: boolean;
}

export function sessionsTable(db: Kysely<Schema>, clock: Clock) {
  const live = () => db.selectFrom('sessions').selectAll().where('state', '=', 'live');
  const named = () =>
    db
      .selectFrom('sessions')
      .innerJoin('operators', 'operators.id', 'sessions.operatorId')
      .innerJoin('agents', 'agents.id', 'sessions.agentId')
      .selectAll('sessions')
      .select(['operators.name as operator', 'agents.name as agent']);
  const ending = (reason: CloseReason) => db.updateTable('sessions').set({ state: 'ended', endedAt: clock.now(), reason }).where('state', '=', 'live');
  return {
    /** The live session of this operator on this agent: a new one with `id`, in the tunnel that is live on the agent or a new one, or the one that is there. StoreError, foreign key, where either is unknown. */
    async openOrJoin({ id, operatorId, agentId, newTunnelId }: NewSession): Promise<{ session: SessionRecord; joined: boolean }> {
      const now = clock.now();
      const liveTunnel = live().clearSelect().select('tunnelId').where('agentId', '=', agentId).where('tunnelId', 'is not', null).limit(1);
      const opened = {
        id,
        operatorId,
        agentId,
        state: 'live' as const,
        openedAt: now,
        endedAt: null,
        reason: null,
        lastActivity: now,
        lockedAt: null,
        lockReason: null,
        tunnelId: sql<string>`coalesce((${liveTunnel}), ${newTunnelId})`,
      };
      // The one that stood in the way may have ended before it is read; then there is room.
      for (let attempt = 0; attempt < 3; attempt++) {
        const made = await db
          .insertInto('sessions')
          .values(opened)
          .onConflict((conflict) => conflict.columns(['operatorId', 'agentId']).where('state', '=', sql.lit('live')).doNothing())
          .returningAll()
          .executeTakeFirst();
        if (made !== undefined) return { session: made, joined: false };
        const there = await this.liveOf(operatorId, agentId);
        if (there !== undefined) return { session: there, joined: true };
      }
      throw new TunnelError('store.busy', 'the session changed hands too often', { hint: 'Try again.' });
    },

    async byId(id: string): Promise<SessionRecord | undefined> {
      return db.selectFrom('sessions').selectAll().where('id', '=', id).executeTakeFirst();
    },

    async named(id: string): Promise<NamedSession | undefined> {
      return named().where('sessions.id', '=', id).executeTakeFirst();
    },

    /** Live and locked ones, or all, in the order of opening. */
    async list({ after, limit, operatorId, ended }: SessionsQuery): Promise<Page<NamedSession>> {
      let query = named()
        .orderBy('openedAt')
        .orderBy('sessions.id')
        .limit(limit + 1);
      if (operatorId !== null) query = query.where('operatorId', '=', operatorId);
      if (!ended) query = query.where((where) => where.or([where('sessions.state', '=', 'live'), where('sessions.lockedAt', 'is not', null)]));
      const [, openedAt, id] = /^(\d{1,15})~(.+)$/.exec(after ?? '') ?? [];
      if (id !== undefined) {
        query = query.where((where) =>
          where.or([where('openedAt', '>', Number(openedAt)), where.and([where('openedAt', '=', Number(openedAt)), where('sessions.id', '>', id)])]),
        );
      }
      return pageOf(await query.execute(), limit, (session) => `${session.openedAt}~${session.id}`);
    },

    /** Ended or not: while it holds, its operator opens no session on its agent. */
    async setLock(id: string, lock: Lock | null): Promise<void> {
      await db.updateTable('sessions').set(lockColumns(lock)).where('id', '=', id).execute();
    },

    /** What keeps this operator from opening a session on this agent. */
    async lockOfPair(operatorId: string, agentId: string): Promise<Lock | null> {
      const row = await db
        .selectFrom('sessions')
        .select(['lockedAt', 'lockReason'])
        .where('operatorId', '=', operatorId)
        .where('agentId', '=', agentId)
        .where('lockedAt', 'is not', null)
        .executeTakeFirst();
      return row === undefined ? null : lockOf(row);
    },

    async liveOf(operatorId: string, agentId: string): Promise<SessionRecord | undefined> {
      return live().where('operatorId', '=', operatorId).where('agentId', '=', agentId).executeTakeFirst();
    },

    /** All live ones, or those of one operator or agent. */
    async listLive(of: { operatorId?: string; agentId?: string } = {}): Promise<SessionRecord[]> {
      let query = live().orderBy('openedAt').orderBy('id');
      if (of.operatorId !== undefined) query = query.where('operatorId', '=', of.operatorId);
      if (of.agentId !== undefined) query = query.where('agentId', '=', of.agentId);
      return query.execute();
    },

    /** Operator activity. False when the session has ended. */
    async touch(id: string): Promise<boolean> {
      const row = await db
        .updateTable('sessions')
        .set({ lastActivity: clock.now() })
        .where('id', '=', id)
        .where('state', '=', 'live')
        .returning('id')
        .executeTakeFirst();
      return row !== undefined;
    },

    /** Undefined when it has ended before: one caller ends a session. */
    async end(id: string, reason: CloseReason): Promise<SessionRecord | undefined> {
      return ending(reason).where('id', '=', id).returningAll().executeTakeFirst();
    },

    /** What it ended: the sessions of one operator or agent, or every live one. */
    async endAll(of: { operatorId: string } | { agentId: string } | 'all', reason: CloseReason): Promise<SessionRecord[]> {
      const all = ending(reason);
      const these = of === 'all' ? all : 'operatorId' in of ? all.where('operatorId', '=', of.operatorId) : all.where('agentId', '=', of.agentId);
      return these.returningAll().execute();
    },
  };
}
