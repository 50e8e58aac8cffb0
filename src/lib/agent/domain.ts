// The machine's own DNS domain, asked for only where nobody configured a name (A6).
import { isHostName } from '../routing/name-pattern.ts';
import type { Route } from '../routing/route.ts';
import { findDnsDomain } from '../system/dns-domain.ts';

/** Undefined where a name is configured, or none is found. Asked anew at every link: a laptop moves. */
export async function detectDomain(own: readonly Route[], read: () => Promise<string | undefined> = findDnsDomain): Promise<string | undefined> {
  if (own.some(({ kind }) => kind === 'name')) return undefined;
  const domain = await read();
  return domain !== undefined && isHostName(domain) ? domain : undefined;
}
