// The agents that were ever enrolled: a name is taken while its agent is not deleted, an id for ever.
import type { Kysely, Selectable } from 'kysely';
import type { Clock } from '../base/world.ts';
import { certificatesTable } from './certificates.ts';
import { readTexts, readTextsOrNull, writeTextsOrNull } from './json-column.ts';
import { type Lock, lockColumns, lockOf } from './lock.ts';
import { type Page, type PageRequest, pageOf } from './page.ts';
import type { AgentsRow, Schema } from './schema.ts';

const DEFAULT_WEIGHT = 100;

export interface Agent {
  readonly id: string;
  readonly name: string;
  readonly state: AgentsRow['state'];
  /** What an administrator allows, in canonical text. */
  readonly allowedRoutes: readonly string[];
  /** Ranges as text; null: the defaults of its system. */
  readonly ports: readonly string[] | null;
  readonly os: string | null;
  readonly hostname: string | null;
  /** As released stock agents mean them (reference.md, 5). */
  readonly bareNamesAreSuffixes: boolean;
  /** Goes when its last link has gone. */
  readonly ephemeral: boolean;
  /** Null: at none. */
  readonly site: string | null;
  /** Among agents with equal routes the larger goes first. */
  readonly weight: number;
  /** What happens to its routes while nobody who has them is online. */
  readonly onOffline: AgentsRow['onOffline'];
  readonly createdAt: number;
  readonly lastSeen: number | null;
  readonly lock: Lock | null;
}

export type NewAgent = Pick<Agent, 'id' | 'name' | 'allowedRoutes' | 'ports' | 'os' | 'hostname'> & Partial<Pick<Agent, 'ephemeral' | 'site'>>;
export type AgentChanges = Partial<
  Pick<Agent, 'allowedRoutes' | 'ports' | 'os' | 'hostname' | 'bareNamesAreSuffixes' | 'ephemeral' | 'site' | 'weight' | 'onOffline' | 'lock'>
> & {
  /** After `revoke`, when it was enrolled again with another key. */
  readonly state?: 'active';
};

/** Every method but `insert` overlooks deleted agents. */
export function agentsTable(db: Kysely<Schema>, clock: Clock) {
  const living = () => db.selectFrom('agents').selectAll().where('state', '<>', 'deleted');
  /** Its certificates and its keys go with it. */
  const end = async (id: string, state: 'revoked' | 'deleted'): Promise<Agent | undefined> => {
    const row = await db.updateTable('agents').set({ state }).where('id', '=', id).where('state', '<>', 'deleted').returningAll().executeTakeFirst();
    if (row !== undefined) await certificatesTable(db, clock).revokeKeysOf(id);
    return agentOrNone(row);
  };
  return {
    /** StoreError, unique on `agents.name` or primary key on `agents.id`. */
    async insert(agent: NewAgent): Promise<Agent> {
      const row = await db
        .insertInto('agents')
        .values({
          ...columnsOf(agent),
          id: agent.id,
          name: agent.name,
          state: 'active',
          allowedRoutes: JSON.stringify(agent.allowedRoutes),
          bareNamesAreSuffixes: 0,
          ephemeral: agent.ephemeral ? 1 : 0,
          site: agent.site ?? null,
          weight: DEFAULT_WEIGHT,
          onOffline: 'next',
          createdAt: clock.now(),
        })
        .returningAll()
        .executeTakeFirstOrThrow();
      return agentOf(row);
    },

    async byId(id: string): Promise<Agent | undefined> {
      return agentOrNone(await living().where('id', '=', id).executeTakeFirst());
    },

    async byName(name: string): Promise<Agent | undefined> {
      return agentOrNone(await living().where('name', '=', name).executeTakeFirst());
    },

    /** A name is preferred to an id that reads the same. */
    async byNameOrId(text: string): Promise<Agent | undefined> {
      return (await this.byName(text)) ?? (await this.byId(text));
    },

    /** By name. */
    async list({ after, limit }: PageRequest): Promise<Page<Agent>> {
      let query = living()
        .orderBy('name')
        .limit(limit + 1);
      if (after !== null) query = query.where('name', '>', after);
      return pageOf((await query.execute()).map(agentOf), limit, ({ name }) => name);
    },

    /** Changes only what is named. Undefined when there is no such agent. */
    async change(id: string, changes: AgentChanges): Promise<Agent | undefined> {
      const columns = columnsOf(changes);
      if (Object.keys(columns).length === 0) return this.byId(id);
      return agentOrNone(await db.updateTable('agents').set(columns).where('id', '=', id).where('state', '<>', 'deleted').returningAll().executeTakeFirst());
    },

    /** Signs of life, many at once, because each call waits for the disk. */
    async seen(ids: readonly string[]): Promise<void> {
      if (ids.length === 0) return;
      await db.updateTable('agents').set({ lastSeen: clock.now() }).where('id', 'in', ids).execute();
    },

    /** Keeps name, routes and ports for another enrolment; its certificates and keys never count again: call this in a transaction. Undefined when there is no such agent. */
    async revoke(id: string): Promise<Agent | undefined> {
      return await end(id, 'revoked');
    },

    /** Its certificates and keys never count again: call this in a transaction. Undefined when there is no such agent. */
    async delete(id: string): Promise<Agent | undefined> {
      return await end(id, 'deleted');
    },
  };
}

function columnsOf({ allowedRoutes, ports, bareNamesAreSuffixes, ephemeral, lock, ...changes }: AgentChanges): Partial<AgentsRow> {
  const { state, os, hostname, site, weight, onOffline } = changes;
  return {
    ...(state !== undefined && { state }),
    ...(allowedRoutes !== undefined && { allowedRoutes: JSON.stringify(allowedRoutes) }),
    ...(ports !== undefined && { ports: writeTextsOrNull(ports) }),
    ...(os !== undefined && { os }),
    ...(hostname !== undefined && { hostname }),
    ...(bareNamesAreSuffixes !== undefined && { bareNamesAreSuffixes: bareNamesAreSuffixes ? 1 : 0 }),
    ...(ephemeral !== undefined && { ephemeral: ephemeral ? 1 : 0 }),
    ...(site !== undefined && { site }),
    ...(weight !== undefined && { weight }),
    ...(onOffline !== undefined && { onOffline }),
    ...(lock !== undefined && lockColumns(lock)),
  };
}

function agentOf({ lockedAt, lockReason, ...row }: Selectable<AgentsRow>): Agent {
  return {
    ...row,
    lock: lockOf({ lockedAt, lockReason }),
    allowedRoutes: readTexts(row.allowedRoutes, 'agents.allowed_routes'),
    ports: readTextsOrNull(row.ports, 'agents.ports'),
    bareNamesAreSuffixes: row.bareNamesAreSuffixes === 1,
    ephemeral: row.ephemeral === 1,
  };
}

function agentOrNone(row: Selectable<AgentsRow> | undefined): Agent | undefined {
  return row === undefined ? undefined : agentOf(row);
}
