// Which targets an operator may reach: hosts with ports, as `10.0.0.0/24:22` or `*.corp.example:1-1024`. Judged by control, and by the agent from its session material.
import { TunnelError } from '../base/errors.ts';
import { escapeText } from '../base/escape.ts';
import { allows, formatRoute, parseRoute, type Route } from '../routing/route.ts';
import { formatAddress } from '../routing/subnet.ts';
import type { Target } from '../routing/target.ts';
import { ALL_PORTS, formatPorts, type PortRange, parsePorts, portAllowed } from './ports.ts';

export interface TargetScope {
  /** `any`: every name and every address. */
  readonly hosts: Route | 'any';
  readonly ports: PortRange;
}

/** Every target. */
export const EVERYTHING: TargetScope = { hosts: 'any', ports: ALL_PORTS };

/** A target is a scope of itself alone; IPv6 in brackets, prefix included: `[fd00::/64]:22`. `*:22` is that port of every host, `*` is everything. Error `target.malformed`. */
export function parseTargetScope(text: string, field = 'targets'): TargetScope {
  if (text === '*') return EVERYTHING;
  const [, bracketed, bare, portsText] = /^(?:\[([^\]]*)\]|([^[\]:]*)):([^:,]*)$/.exec(text) ?? [];
  try {
    const [ports, more] = parsePorts(portsText ?? '', field);
    const hosts = bare === '*' ? 'any' : parseRoute(bracketed ?? bare ?? '', field);
    const isIpv6 = hosts !== 'any' && hosts.kind === 'subnet' && hosts.subnet.family === 6;
    if (ports === undefined || more !== undefined || isIpv6 !== (bracketed !== undefined)) throw new Error('brackets are for IPv6, one range of ports a scope');
    return { hosts, ports };
  } catch (cause) {
    throw new TunnelError('target.malformed', `${field} has a part that is no host with ports: "${escapeText(text.slice(0, 80))}"`, {
      hint: 'Write 10.0.0.0/24:22, [fd00::/64]:22, *.corp.example:1-1024 or *:443.',
      cause,
    });
  }
}

/** Canonical; a single address without its prefix, so that a target reads as it always does. */
export function formatTargetScope({ hosts, ports }: TargetScope): string {
  const portsText = formatPorts([ports])[0];
  if (hosts === 'any') return covers(ports, ALL_PORTS) ? '*' : `*:${portsText}`;
  const single = hosts.kind === 'subnet' && hosts.subnet.prefix === hosts.subnet.base.length * 8;
  const host = single ? formatAddress(hosts.subnet.base) : formatRoute(hosts);
  return `${host.includes(':') ? `[${host}]` : host}:${portsText}`;
}

/** `scopes` null: every target. A name is judged by names only and an address by networks only: what a name means is known where it is resolved. */
export function mayReachTarget(scopes: readonly string[] | null, target: Target): boolean {
  return scopes === null || scopeOf(parsedOf(scopes), target) !== undefined;
}

/** The first of `scopes` that the target is in. */
export function scopeOf(scopes: readonly TargetScope[], { host, port }: Target): TargetScope | undefined {
  const wanted: Route =
    host.kind === 'name'
      ? { kind: 'name', pattern: host.name }
      : { kind: 'subnet', subnet: { family: host.bytes.length === 4 ? 4 : 6, base: host.bytes, prefix: host.bytes.length * 8 } };
  return scopes.find(({ hosts, ports }) => portAllowed([ports], port) && (hosts === 'any' || allows(hosts, wanted)));
}

/** Every target of `inner` is one of `outer`. */
export function coversTargets(outer: TargetScope, inner: TargetScope): boolean {
  return coversHosts(outer.hosts, inner.hosts) && covers(outer.ports, inner.ports);
}

/** Every target that is in one of `left` and in one of `right`, in as few scopes as that takes. Hosts lie inside each other or apart, so no scope is lost. */
export function intersectTargets(left: readonly TargetScope[], right: readonly TargetScope[]): TargetScope[] {
  return fewest(left.flatMap((one) => right.flatMap((other) => bothOf(one, other) ?? [])));
}

/** Without those that another one holds. */
export function fewest(scopes: readonly TargetScope[]): TargetScope[] {
  const kept: TargetScope[] = [];
  for (const scope of scopes) {
    if (kept.some((other) => coversTargets(other, scope))) continue;
    for (let at = kept.length - 1; at >= 0; at -= 1) if (coversTargets(scope, kept[at] ?? scope)) kept.splice(at, 1);
    kept.push(scope);
  }
  return kept;
}

function bothOf(one: TargetScope, other: TargetScope): TargetScope | undefined {
  const ports: PortRange = [Math.max(one.ports[0], other.ports[0]), Math.min(one.ports[1], other.ports[1])];
  if (ports[0] > ports[1]) return undefined;
  if (coversHosts(one.hosts, other.hosts)) return { hosts: other.hosts, ports };
  return coversHosts(other.hosts, one.hosts) ? { hosts: one.hosts, ports } : undefined;
}

function coversHosts(outer: Route | 'any', inner: Route | 'any'): boolean {
  return outer === 'any' || (inner !== 'any' && allows(outer, inner));
}

function covers(outer: PortRange, inner: PortRange): boolean {
  return outer[0] <= inner[0] && inner[1] <= outer[1];
}

/** Asked for every channel, with the very same list. */
const parsed = new WeakMap<readonly string[], readonly TargetScope[]>();

export function parsedOf(scopes: readonly string[]): readonly TargetScope[] {
  const known = parsed.get(scopes) ?? scopes.map((text) => parseTargetScope(text));
  parsed.set(scopes, known);
  return known;
}
