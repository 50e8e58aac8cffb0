// Where what one agent is allowed, or asks for, shares hosts with what another is allowed: said to whoever makes it so, and shown in lists (security.md, G).
import { formatRoute, type Route } from '../../routing/route.ts';
import type { Registry } from './registry.ts';

/** A list that nobody reads to its end must not grow with the network. */
const MOST = 20;

/** The first ones. */
export function overlapsOf(registry: Registry, name: string, route: Route): { route: string; agent: string }[] {
  return [
    ...registry
      .overlapping(route, name)
      .take(MOST)
      .map((other) => ({ route: formatRoute(other.route), agent: other.agent })),
  ];
}

/** The longest prefix or name decides between two allowances; whoever makes them overlap shall know. */
export function overlapWarnings(registry: Registry, name: string, routes: readonly Route[]): string[] {
  const warnings: string[] = [];
  for (const route of routes) {
    for (const other of overlapsOf(registry, name, route)) {
      warnings.push(`${formatRoute(route)} overlaps with ${other.route} of agent ${other.agent}: the longer one wins, then the heavier, then the most recent`);
      if (warnings.length === MOST) return warnings;
    }
  }
  return warnings;
}
