// Which targets an operator may reach: hosts with ports, as `10.0.0.0/24:22` or `*.corp.example:1-1024`. Judged by control, and by the agent from its session material.
import { TunnelError } from '../base/errors.ts';
import { escapeText } from '../base/escape.ts';
import { allows, formatRoute, parseRoute, type Route } from '../routing/route.ts';
import { formatAddress } from '../routing/subnet.ts';
import type { Target } from '../routing/target.ts';
import { formatPorts, type PortRange, parsePorts, portAllowed } from './ports.ts';

export interface TargetScope {
  readonly hosts: Route;
  readonly ports: PortRange;
}

/** A target is a scope of itself alone; IPv6 in brackets, prefix included: `[fd00::/64]:22`. Error `target.malformed`. */
export function parseTargetScope(text: string, field = 'targets'): TargetScope {
  const [, bracketed, bare, portsText] = /^(?:\[([^\]]*)\]|([^[\]:]*)):([^:,]*)$/.exec(text) ?? [];
  try {
    const [ports, more] = parsePorts(portsText ?? '', field);
    const hosts = parseRoute(bracketed ?? bare ?? '', field);
    const isIpv6 = hosts.kind === 'subnet' && hosts.subnet.family === 6;
    if (ports === undefined || more !== undefined || isIpv6 !== (bracketed !== undefined)) throw new Error('brackets are for IPv6, one range of ports a scope');
    return { hosts, ports };
  } catch (cause) {
    throw new TunnelError('target.malformed', `${field} has a part that is no host with ports: "${escapeText(text.slice(0, 80))}"`, {
      hint: 'Write 10.0.0.0/24:22, [fd00::/64]:22 or *.corp.example:1-1024.',
      cause,
    });
  }
}

/** Canonical; a single address without its prefix, so that a target reads as it always does. */
export function formatTargetScope({ hosts, ports }: TargetScope): string {
  const single = hosts.kind === 'subnet' && hosts.subnet.prefix === hosts.subnet.base.length * 8;
  const host = single ? formatAddress(hosts.subnet.base) : formatRoute(hosts);
  return `${host.includes(':') ? `[${host}]` : host}:${formatPorts([ports])[0]}`;
}

/** `scopes` null: every target. A name is judged by names only and an address by networks only: what a name means is known where it is resolved. */
export function mayReachTarget(scopes: readonly string[] | null, { host, port }: Target): boolean {
  if (scopes === null) return true;
  const wanted: Route =
    host.kind === 'name'
      ? { kind: 'name', pattern: host.name }
      : { kind: 'subnet', subnet: { family: host.bytes.length === 4 ? 4 : 6, base: host.bytes, prefix: host.bytes.length * 8 } };
  return parsedOf(scopes).some(({ hosts, ports }) => portAllowed([ports], port) && allows(hosts, wanted));
}

/** Every target of `inner` is one of `outer`. */
export function coversTargets(outer: TargetScope, inner: TargetScope): boolean {
  return allows(outer.hosts, inner.hosts) && outer.ports[0] <= inner.ports[0] && inner.ports[1] <= outer.ports[1];
}

/** Asked for every channel, with the very same list. */
const parsed = new WeakMap<readonly string[], readonly TargetScope[]>();

function parsedOf(scopes: readonly string[]): readonly TargetScope[] {
  const known = parsed.get(scopes) ?? scopes.map((text) => parseTargetScope(text));
  parsed.set(scopes, known);
  return known;
}
