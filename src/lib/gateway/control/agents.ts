// The agents as the API shows them, and what an administrator changes: routes, ports, and their end (requirements A15, B4).

import type { AgentChange, AgentChanged, AgentList, AgentRow } from '../../api/agents.ts';
import type { CutAnswer } from '../../api/locks.ts';
import { auditText } from '../../audit/text.ts';
import { TunnelError } from '../../base/errors.ts';
import { parseName } from '../../base/ids.ts';
import { endsSoon } from '../../pki/renewal-pace.ts';
import { mayReachAgent } from '../../policy/evaluate.ts';
import { formatPorts, parsePorts } from '../../policy/ports.ts';
import { bestFit } from '../../routing/candidates.ts';
import { formatRoute, parseRoute } from '../../routing/route.ts';
import { parseTarget } from '../../routing/target.ts';
import type { Certificate } from '../../store/certificates.ts';
import { pageOf } from '../../store/page.ts';
import { formatAddressPort } from '../../streams/happy-eyeballs.ts';
import { actorOf, assertAdmin, type Caller } from './caller.ts';
import { assignmentOf, type ControlContext } from './context.ts';
import { cutOffAgent } from './cut-off.ts';
import type { KnownAgent, RegisteredLink } from './known-agent.ts';
import { shownLock } from './may-open.ts';
import { overlapWarnings } from './overlaps.ts';
import { refit } from './refit.ts';
import { validityInUse } from './watch-expiry.ts';

export interface Paging {
  readonly after?: string | undefined;
  readonly limit: number;
}

/** By name; operators see those that policy lets them reach. */
export async function listAgents(context: ControlContext, caller: Caller, { after = '', limit }: Paging): Promise<AgentList> {
  const found = visible(context, caller).filter(({ name }) => name > after);
  const { rows, next } = pageOf(found, limit, ({ name }) => name);
  const certificates = await context.store.certificates.newestOf(rows.map(({ id }) => id));
  return { agents: rows.map((agent) => rowOf(context, caller, agent, certificates.get(agent.id))), next };
}

/** Error `agent.unknown`, also for one that the caller may not reach. */
export async function getAgent(context: ControlContext, caller: Caller, nameOrId: string): Promise<AgentRow> {
  const agent = known(context, caller, nameOrId);
  return rowOf(context, caller, agent, (await context.store.certificates.newestOf([agent.id])).get(agent.id));
}

/** Changes only what is named; the agent is told at once, and channels that no longer fit end. */
export async function changeAgent(context: ControlContext, caller: Caller, nameOrId: string, change: AgentChange): Promise<AgentChanged> {
  assertAdmin(caller);
  const { registry, serving, store, world } = context;
  const agent = known(context, caller, nameOrId);
  const routes = change.routes?.map((text) => parseRoute(text));
  const changes = {
    ...(routes && { allowedRoutes: [...new Set(routes.map(formatRoute))] }),
    ...(change.ports && { ports: formatPorts(parsePorts(change.ports)) }),
    ...(change.site !== undefined && { site: change.site === null ? null : parseName(change.site, 'site') }),
    ...(change.weight !== undefined && { weight: change.weight }),
    ...(change.on_offline && { onOffline: change.on_offline }),
  };
  const warnings = overlapWarnings(registry, agent.name, routes ?? []);
  const row = await store.transaction(async (tables) => {
    const changed = await tables.agents.change(agent.id, changes);
    if (!changed) throw unknown(nameOrId);
    const detail = {
      agent_id: agent.id,
      routes: changes.allowedRoutes ?? null,
      ports: changes.ports ?? null,
      ...(change.site !== undefined && { site: change.site }),
      ...(change.weight !== undefined && { weight: change.weight }),
      ...(change.on_offline && { on_offline: change.on_offline }),
      warnings,
    };
    await tables.audit.append({ code: 'agent.changed', actor: actorOf(caller), subject: `agent:${agent.name}`, detail });
    return changed;
  });
  registry.know(row);
  const now = registry.byId(agent.id);
  if (now) {
    // Neither waits for the other: an agent that does not listen keeps no channel for it, and at its next link it is assigned anew.
    const told = now.link && serving()?.edge.assign(now.link.linkId, assignmentOf(now));
    const untold = (error: unknown) => world.log.warn({ error, agent: now.name }, 'the agent could not be told what it may carry now');
    await Promise.all([told?.catch(untold), refit(context, (session) => session.agent.id === agent.id, isCarried)]);
  }
  return { ...(await getAgent(context, caller, agent.id)), warnings };
}

/**
 * Its certificates, its keys and the strings for its name are refused from now on; its sessions end and its links are closed before this resolves.
 * It comes back by enrolling with a string that is minted after this. Error `agent.unknown`.
 */
export async function revokeAgent(context: ControlContext, caller: Caller, nameOrId: string, reason: string | null): Promise<CutAnswer> {
  assertAdmin(caller);
  const { registry, store } = context;
  const agent = known(context, caller, nameOrId);
  const note = reason === null ? null : auditText(reason);
  const row = await store.transaction(async (tables) => {
    const revoked = await tables.agents.revoke(agent.id);
    if (!revoked) throw unknown(nameOrId);
    // Whoever holds an older --replace string could bring the name back.
    const strings = await tables.tokens.revokeOpen(agent.name, ['agent']);
    const detail = { agent_id: agent.id, reason: note, revoked_strings: strings };
    await tables.audit.append({ code: 'agent.revoked', actor: actorOf(caller), subject: `agent:${agent.name}`, detail });
    return revoked;
  });
  if (registry.row(agent.id)) registry.know(row);
  return cutOffAgent(context, agent.id, { reason: 'agent-revoked', note, toAgent: 'this agent was revoked' });
}

/** Revokes too: its certificates are refused from now on, its sessions end and its links are closed before this resolves. Error `agent.unknown`. */
export async function deleteAgent(context: ControlContext, caller: Caller, nameOrId: string): Promise<void> {
  assertAdmin(caller);
  await removeAgent(context, known(context, caller, nameOrId), actorOf(caller), {});
}

/** `actor` as the audit log names it. Strings for its name that are open go with it, but not where it went by itself. Error `agent.unknown`. */
export async function removeAgent(
  context: ControlContext,
  agent: Pick<KnownAgent, 'id' | 'name'>,
  actor: string,
  why: { readonly reason?: 'ephemeral' },
): Promise<void> {
  const { registry, store } = context;
  await store.transaction(async (tables) => {
    if (!(await tables.agents.delete(agent.id))) throw unknown(agent.name);
    const more = why.reason === undefined ? { revoked_strings: await tables.tokens.revokeOpen(agent.name, ['agent']) } : why;
    const detail = { agent_id: agent.id, ...more };
    await tables.audit.append({ code: 'agent.deleted', actor, subject: `agent:${agent.name}`, detail });
  });
  const links = registry.forget(agent.id);
  await cutOffAgent(context, agent.id, { reason: 'agent-removed', note: null, toAgent: 'this agent was deleted' }, links);
}

function rowOf({ registry, sessions, world }: ControlContext, { kind }: Caller, agent: KnownAgent, newest: Certificate | undefined): AgentRow {
  const validity = validityInUse(agent, newest);
  const shown = (link: RegisteredLink) => ({
    id: link.linkId,
    transport: link.transport,
    transport_reason: link.transportReason,
    remote: kind === 'operator' ? null : formatAddressPort(link.remote),
    since: new Date(link.since).toISOString(),
    generation: link.generation,
    current: link.linkId === agent.link?.linkId,
  });
  return {
    id: agent.id,
    name: agent.name,
    state: agent.barred?.by ?? (agent.online ? 'online' : 'offline'),
    mode: sessions.on(agent.id).length > 0 ? 'tunnel' : 'idle',
    sessions: sessions.on(agent.id).length,
    transport: agent.link?.transport ?? null,
    transport_reason: agent.link?.transportReason ?? null,
    alarm: agent.flapping ? 'flapping' : null,
    ephemeral: registry.row(agent.id)?.ephemeral ?? false,
    site: agent.site,
    weight: agent.weight,
    on_offline: agent.onOffline,
    routes: agent.routes.map(formatRoute),
    ports: formatPorts(agent.ports),
    last_seen: agent.lastSeen === null ? null : new Date(agent.lastSeen).toISOString(),
    os: agent.os,
    protocol: agent.link?.protocol ?? null,
    allowed_routes: agent.allowed.map(formatRoute),
    refused_routes: agent.refused.map(formatRoute),
    not_after: validity ? new Date(validity.notAfter).toISOString() : null,
    expires_soon: validity !== undefined && endsSoon(validity, world.clock.now()),
    links: registry.linksOf(agent.id).map(shown),
    lock: shownLock(agent.barred?.lock ?? null),
  };
}

/** By name; an operator sees those that policy lets it reach. */
export function visible({ policy, registry }: ControlContext, { operator, kind }: Caller): KnownAgent[] {
  const reaches = (name: string) => kind !== 'operator' || operator === null || mayReachAgent(policy.current, operator, name);
  return registry
    .all()
    .filter(({ name }) => reaches(name))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

function known(context: ControlContext, caller: Caller, nameOrId: string): KnownAgent {
  const agent = context.registry.find(nameOrId);
  if (!agent || !visible(context, caller).some(({ id }) => id === agent.id)) throw unknown(nameOrId);
  return agent;
}

function isCarried(agent: KnownAgent, target: string): boolean {
  return bestFit(parseTarget(target).host, agent) !== undefined;
}

function unknown(nameOrId: string): TunnelError {
  return new TunnelError('agent.unknown', `there is no agent ${nameOrId.slice(0, 80)}`, { hint: 'tunnel agent list shows those there are.' });
}
