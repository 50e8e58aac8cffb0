// What the gateway may connect to itself, where no agent carries a target: nothing, but networks and ports that its administrator lists (requirement A11).
import { TunnelError } from '../base/errors.ts';
import type { Route } from '../routing/route.ts';
import { contains, type Subnet } from '../routing/subnet.ts';
import { unmapped } from '../routing/target.ts';
import { judgeAddress } from './address-guard.ts';
import { portAllowed } from './ports.ts';
import { formatTargetScope, parseTargetScope, type TargetScope } from './target-scope.ts';

/** The name under which sessions and records know the gateway's own connections; no agent can have it. */
export const DIRECT = '@direct';

export interface DirectNetwork extends TargetScope {
  readonly hosts: Extract<Route, { kind: 'subnet' }>;
}

/** `10.1.0.0/16:443`, `[fd00::/64]:1-1024`: networks only, since it is addresses that are judged. Error `target.malformed`. */
export function parseDirect(texts: readonly string[], field = 'direct'): DirectNetwork[] {
  return texts.map((text) => {
    const scope = parseTargetScope(text, field);
    const { hosts, ports } = scope;
    if (hosts !== 'any' && hosts.kind === 'subnet') return { hosts, ports };
    throw new TunnelError('target.malformed', `${field} lists networks, not names: "${formatTargetScope(scope)}"`, {
      hint: 'Write 10.1.0.0/16:443 or [fd00::/64]:443.',
    });
  });
}

/**
 * The listed network that allows this address and port, in canonical text; undefined for none. Loopback, link-local, metadata and the like only where
 * that very network is listed, an address of the gateway itself (`own`) only where it alone is.
 */
export function judgeDirect(address: Uint8Array, port: number, listed: readonly DirectNetwork[], own: readonly Uint8Array[]): string | undefined {
  const bytes = unmapped(address);
  const isOwn = own.some((other) => Buffer.compare(unmapped(other), bytes) === 0);
  const scope = listed.find(
    ({ hosts, ports }) =>
      portAllowed([ports], port) && contains(hosts.subnet, bytes) && (isOwn ? isSingle(hosts.subnet) : true) && judgeAddress(bytes, [hosts], false).allowed,
  );
  return scope && formatTargetScope(scope);
}

function isSingle({ base, prefix }: Subnet): boolean {
  return prefix === base.length * 8;
}
