// A route is a subnet or a name pattern; text at the borders, a value inside.

import { coversName, parseNamePattern } from './name-pattern.ts';
import { covers, formatSubnet, parseAddress, parseSubnet, type Subnet } from './subnet.ts';

export type Route = { readonly kind: 'subnet'; readonly subnet: Subnet } | { readonly kind: 'name'; readonly pattern: string };

/** `10.0.0.0/24`, `fd00::/64`, `10.0.0.7`, `db.corp.example`, `*.corp.example`. Error `route.malformed`. */
export function parseRoute(text: string, field = 'route'): Route {
  const looksNumeric = text.includes('/') || text.includes(':') || parseAddress(text) !== undefined || /^[\d.]+$/.test(text);
  return looksNumeric ? { kind: 'subnet', subnet: parseSubnet(text, field) } : { kind: 'name', pattern: parseNamePattern(text, field) };
}

/** Canonical. */
export function formatRoute(route: Route): string {
  if (route.kind === 'name') return route.pattern;
  const text = texts.get(route) ?? formatSubnet(route.subnet);
  texts.set(route, text);
  return text;
}

/** Every decision names the routes of its candidates, which change seldom. */
const texts = new WeakMap<Route, string>();

/** Is everything that `wanted` carries also carried by `allowed`? */
export function allows(allowed: Route, wanted: Route): boolean {
  if (allowed.kind === 'subnet') return wanted.kind === 'subnet' && covers(allowed.subnet, wanted.subnet);
  return wanted.kind === 'name' && coversName(allowed.pattern, wanted.pattern);
}
