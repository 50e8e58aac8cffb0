// Which resolved addresses an agent may dial: those it carries, and special ones only where an administrator named that very network (security.md G).

import type { Route } from '../routing/route.ts';
import { contains, covers, formatAddress, formatSubnet, parseSubnet, type Subnet } from '../routing/subnet.ts';
import { unmapped } from '../routing/target.ts';

const SPECIAL: readonly (readonly [what: string, subnet: Subnet])[] = [
  ['unspecified', parseSubnet('0.0.0.0/8')],
  ['loopback', parseSubnet('127.0.0.0/8')],
  ['link-local', parseSubnet('169.254.0.0/16')],
  ['multicast', parseSubnet('224.0.0.0/4')],
  ['broadcast', parseSubnet('255.255.255.255/32')],
  ['unspecified', parseSubnet('::/128')],
  ['loopback', parseSubnet('::1/128')],
  ['link-local', parseSubnet('fe80::/10')],
  ['multicast', parseSubnet('ff00::/8')],
  ['metadata', parseSubnet('fd00:ec2::254/128')],
  ['IPv4 in IPv6', parseSubnet('::ffff:0:0/96')],
  ['IPv4 in IPv6', parseSubnet('64:ff9b::/96')],
  ['IPv4 in IPv6', parseSubnet('64:ff9b:1::/48')],
  ['IPv4 in IPv6', parseSubnet('2002::/16')],
  ['IPv4 in IPv6', parseSubnet('::/96')], // after ::1, which is in it and has a better name
];

export type AddressVerdict = { readonly allowed: true } | { readonly allowed: false; readonly reason: string };

/** `byName`: the address came from resolving a name that one of the routes matched, so an ordinary address needs no subnet of its own. */
export function judgeAddress(address: Uint8Array, routes: readonly Route[], byName: boolean): AddressVerdict {
  const bytes = unmapped(address);
  const subnets = routes.flatMap((route) => (route.kind === 'subnet' ? [route.subnet] : []));
  const special = SPECIAL.find(([, network]) => contains(network, bytes));
  if (special !== undefined) {
    const [what, network] = special;
    const named = subnets.some((subnet) => covers(network, subnet) && contains(subnet, bytes));
    return named
      ? { allowed: true }
      : { allowed: false, reason: `${formatAddress(bytes)} is a ${what} address (${formatSubnet(network)}), which no route names` };
  }
  if (byName || subnets.some((subnet) => contains(subnet, bytes))) return { allowed: true };
  return { allowed: false, reason: `${formatAddress(bytes)} is in no subnet that this agent carries` };
}
