// What an agent advertises: its own routes as far as they are allowed, or all that it is assigned, and the domain that it found by itself (A6). Pure.

import { activeRoutes } from '../policy/advertise.ts';
import type { Assignment, RouteAdvertise } from '../protocol/messages.ts';
import { allows, formatRoute, parseRoute, type Route } from '../routing/route.ts';

export interface Wishes {
  /** From agent.json; empty: whatever is assigned. */
  readonly own: readonly Route[];
  /** Of this machine, or undefined. Counts only where no name is configured. */
  readonly domain: string | undefined;
}

export interface Offer {
  readonly routes: readonly Route[];
  /** The one of `routes` that was found and not configured. */
  readonly detected: Route | undefined;
}

/** Version 2: an administrator's assignment is the most that can be offered. */
export function offerWithin(assignment: Pick<Assignment, 'subnets' | 'names'>, wishes: Wishes): Offer {
  const assigned = [...assignment.subnets, ...assignment.names].map((text) => parseRoute(text));
  const routes = wishes.own.length === 0 ? assigned : activeRoutes(assigned, wishes.own);
  const detected = detectedRoute(wishes);
  const adds = detected !== undefined && assigned.some((allowed) => allows(allowed, detected)) && !routes.some((route) => allows(route, detected));
  return adds ? { routes: [...routes, detected], detected } : { routes, detected: undefined };
}

/** Version 1 assigns nothing. Released gateways take a bare name for everything below it and know no wildcard (reference.md, 5), so both go out. */
export function offerToV1(wishes: Wishes): Offer {
  const detected = detectedRoute(wishes);
  const wished = detected === undefined ? wishes.own : [...wishes.own, detected];
  const both = wished.flatMap((route) => (route.kind === 'name' && route.pattern.startsWith('*.') ? [route, parseRoute(route.pattern.slice(2))] : [route]));
  return { routes: [...new Map(both.map((route) => [formatRoute(route), route])).values()], detected };
}

export function advertisementOf({ routes, detected }: Offer, epoch: bigint): RouteAdvertise {
  const found = detected && formatRoute(detected);
  return {
    kind: 'route-advertise',
    epoch,
    subnets: routes.filter(({ kind }) => kind === 'subnet').map(formatRoute),
    names: routes
      .filter(({ kind }) => kind === 'name')
      .map(formatRoute)
      .map((name) => ({ name, autoDetected: found === name || found === `*.${name}` })), // with its bare form for released gateways
  };
}

/** Text as people see it, subnets first. */
export function offeredTexts({ subnets, names }: RouteAdvertise): string[] {
  return [...subnets, ...names.map(({ name }) => name)];
}

function detectedRoute({ own, domain }: Wishes): Route | undefined {
  return domain === undefined || own.some(({ kind }) => kind === 'name') ? undefined : parseRoute(`*.${domain}`);
}
