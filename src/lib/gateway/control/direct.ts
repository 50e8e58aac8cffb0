// Connections of the gateway itself, for what no agent carries: resolved once and judged here, dialled by the edge at the very addresses that were judged (requirement A11).
import { within } from '../../base/deadline.ts';
import { TunnelError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { DIRECT, judgeDirect } from '../../policy/direct.ts';
import { judgeConnect } from '../../policy/evaluate.ts';
import { BUILT_IN, type Policy } from '../../policy/rules.ts';
import { formatAddress, parseAddress } from '../../routing/subnet.ts';
import { formatTarget, type Host, unmapped } from '../../routing/target.ts';
import { formatAddressPort } from '../../streams/happy-eyeballs.ts';
import type { ControlContext } from './context.ts';
import type { Decided, Request } from './decide.ts';

/** As sessions know it: a row that the store has from the beginning, deleted for everybody else. */
export const DIRECT_CARRIER = { id: '00000000-0000-0000-0000-000000000000', name: DIRECT, ports: [[1, 65_535]], link: null, barred: null } as const;

export type DirectContext = Pick<ControlContext, 'places' | 'settings' | 'world'>;

/** `decided` is what it was without it. Never for an agent or a site that was named, and never where an agent carries the target or an alternate, able to or not. */
export async function orDirect(context: DirectContext, { target, explicitAgent, operator }: Request, inForce: Policy, decided: Decided): Promise<Decided> {
  const { record } = decided;
  if (context.settings.direct.length === 0 || record.candidates.length > 0 || explicitAgent !== null || target.site !== null) return decided;
  const [policy, who] = operator === null ? [BUILT_IN, { name: 'local-admin', agents: null, targets: null }] : [inForce, operator];
  const granted = judgeConnect({ policy, operator: who, agent: DIRECT_CARRIER, target });
  if (!granted.allowed) return decided;
  const text = formatTarget(target);
  let network: string | undefined;
  const direct = [];
  for (const bytes of await resolved(context, target.host)) {
    const allowedBy = judgeDirect(bytes, target.port, context.settings.direct, ownAddresses(context));
    network ??= allowedBy;
    if (allowedBy !== undefined) direct.push({ address: formatAddress(unmapped(bytes)), port: target.port });
  }
  if (network === undefined) return decided;
  const decision = { via: 'direct', rule: 'direct', network, addresses: direct.map(formatAddressPort), policy: granted.line } as const;
  return { record: { ...record, decision }, ways: [{ agent: DIRECT_CARRIER, target: text, direct }] };
}

/** None for a name that does not resolve: then nothing carries it. */
async function resolved({ world }: DirectContext, host: Host): Promise<Uint8Array[]> {
  if (host.kind === 'address') return [host.bytes];
  const late = () => new TunnelError('dns.failed', `${host.name} was not resolved in time`);
  try {
    const never = new AbortController().signal;
    const found = await within(world.clock, LIMITS.connectTargetMs, late, never, (signal) => world.net.resolve(host.name, signal));
    return found.flatMap(({ address }) => parseAddress(address) ?? []);
  } catch (error) {
    world.log.info({ error, name: host.name }, 'a name was not resolved for a direct connection');
    return [];
  }
}

function ownAddresses({ places, world }: DirectContext): Uint8Array[] {
  const url = places()?.url;
  const hosts = [...world.net.interfaces().map(({ address }) => address), ...(url === undefined ? [] : [new URL(url).hostname.replace(/^\[(.*)\]$/, '$1')])];
  return hosts.flatMap((host) => parseAddress(host.split('%')[0] ?? '') ?? []);
}
