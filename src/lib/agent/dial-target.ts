// Connects an agent to a target it carries (A7): resolved once, every address judged, connected to the very addresses that were judged.

import { within } from '../base/deadline.ts';
import { TunnelError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { ResolvedAddress, SocketAddress, World } from '../base/world.ts';
import { judgeAddress } from '../policy/address-guard.ts';
import type { DialTiming } from '../protocol/messages.ts';
import { microseconds } from '../protocol/refusal.ts';
import { matchesName } from '../routing/name-pattern.ts';
import type { Route } from '../routing/route.ts';
import { formatAddress, parseAddress } from '../routing/subnet.ts';
import { formatTarget, type Host, type Target, unmapped } from '../routing/target.ts';
import { type Dialled, dialAddresses } from '../streams/dial-addresses.ts';

/** Filled while a target is dialled, so that a failure too says what it took. */
export type DialWatch = { -readonly [Part in keyof DialTiming]: DialTiming[Part] };

/** Errors `route.none` (nothing it resolves to is carried), `dns.failed`, `target.refused`, `target.unreachable`, `target.timed-out` after 10 s for all of it, the signal's reason. */
export async function dialTarget(target: Target, routes: readonly Route[], world: World, signal: AbortSignal, watch: DialWatch = {}): Promise<Dialled> {
  const { clock } = world;
  const text = formatTarget(target);
  const late = () =>
    new TunnelError('target.timed-out', `${text} did not answer within ${LIMITS.connectTargetMs / 1000} s`, {
      hint: 'A firewall on the way may drop the packets.',
    });
  return await within(world.clock, LIMITS.connectTargetMs, late, signal, async (signal) => {
    const began = clock.monotonic();
    const resolved = await resolve(target.host, world, signal).finally(() => {
      if (target.host.kind === 'name') watch.resolveUs = microseconds(clock.monotonic() - began);
    });
    const addresses = carried(text, target, resolved, routes);
    const dialled = clock.monotonic();
    return await dialAddresses(addresses, world, signal).finally(() => {
      watch.connectUs = microseconds(clock.monotonic() - dialled);
    });
  });
}

/** Does an advertised name stand for it? Then an ordinary address needs no subnet of its own. */
export function isNamed(host: Host, routes: readonly Route[]): boolean {
  return host.kind === 'name' && routes.some((route) => route.kind === 'name' && matchesName(route.pattern, host.name));
}

async function resolve(host: Host, { net }: World, signal: AbortSignal): Promise<readonly ResolvedAddress[]> {
  if (host.kind === 'name') return await net.resolve(host.name, signal);
  return [{ address: formatAddress(host.bytes), family: host.bytes.length === 4 ? 4 : 6 }];
}

function carried(text: string, { host, port }: Target, resolved: readonly ResolvedAddress[], routes: readonly Route[]): SocketAddress[] {
  const byName = isNamed(host, routes);
  const allowed: SocketAddress[] = [];
  const refusals: string[] = [];
  for (const { address } of resolved) {
    const bytes = parseAddress(address);
    if (bytes === undefined) {
      refusals.push(`${address} is no plain address`); // a zone: link-local
      continue;
    }
    const verdict = judgeAddress(bytes, routes, byName);
    if (verdict.allowed) allowed.push({ address: formatAddress(unmapped(bytes)), port });
    else refusals.push(verdict.reason);
  }
  if (allowed.length > 0) return allowed;
  throw new TunnelError('route.none', `this agent does not carry ${text}: ${refusals.join('; ') || 'it resolves to no address'}`);
}
