// What goes through which agent, as the API shows it, with what agents ask for in vain and where allowances meet.
import type { RouteList } from '../../api/agents.ts';
import { formatRoute, type Route } from '../../routing/route.ts';
import { pageOf } from '../../store/page.ts';
import { type Paging, visible } from './agents.ts';
import type { Caller } from './caller.ts';
import type { ControlContext } from './context.ts';
import type { KnownAgent } from './known-agent.ts';
import { overlapsOf } from './overlaps.ts';

interface Listed {
  readonly cursor: string;
  readonly agent: KnownAgent;
  readonly route: Route;
  readonly refused: boolean;
}

/** By agent, then by route. */
export function listRoutes(context: ControlContext, caller: Caller, { after = '', limit }: Paging): RouteList {
  const agents = visible(context, caller);
  const names = new Set(agents.map(({ name }) => name));
  const all = agents.flatMap((agent) => [
    ...agent.routes.map((route) => listed(agent, route, false)),
    ...agent.refused.map((route) => listed(agent, route, true)),
  ]);
  const later = all.filter(({ cursor }) => cursor > after).sort((a, b) => (a.cursor < b.cursor ? -1 : 1));
  const { rows, next } = pageOf(later, limit, ({ cursor }) => cursor);
  const routes = rows.map(({ agent, route, refused }) => ({
    route: formatRoute(route),
    agent: agent.name,
    agent_id: agent.id,
    site: agent.site,
    state: refused ? ('refused' as const) : agent.online ? ('online' as const) : ('offline' as const),
    auto_detected: agent.autoDetected.has(formatRoute(route)),
    overlaps: overlapsOf(context.registry, agent.name, route).filter((other) => names.has(other.agent)),
  }));
  return { routes, next };
}

function listed(agent: KnownAgent, route: Route, refused: boolean): Listed {
  return { cursor: `${agent.name} ${formatRoute(route)}${refused ? ' refused' : ''}`, agent, route, refused };
}
