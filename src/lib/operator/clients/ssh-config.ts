// Lines of ssh_config for hosts behind agents: for those that are named, or for what the routes that this operator may use say.
import { escapeText } from '../../base/escape.ts';
import type { World } from '../../base/world.ts';
import { parsePorts, portAllowed } from '../../policy/ports.ts';
import { isNamePattern, parseNamePattern } from '../../routing/name-pattern.ts';
import { parseSubnet } from '../../routing/subnet.ts';
import { openRemote } from '../remote.ts';
import { hostKeyAlias, parseHost, proxyCommand, SSH_PORT, type SshWay } from './ssh.ts';

/** More lines than that say less than one line a host that is wanted. */
const PATTERNS_AT_MOST = 16;

export interface SshHost {
  /** Of ssh_config: a host, or a pattern with `*`. */
  readonly pattern: string;
  /** Null for a pattern: ssh keeps its keys by the name of each host. */
  readonly host_key_alias: string | null;
}

export interface SshHosts {
  readonly hosts: readonly SshHost[];
  /** Routes that cannot be said in ssh_config, or do not allow port 22. */
  readonly skipped: readonly { readonly route: string; readonly why: string }[];
}

/** Names, addresses, or patterns as routes have them. Error `target.malformed`. */
export function namedHosts(names: readonly string[], site: string | undefined): SshHosts {
  return { hosts: names.map((name) => patternOrLiteral(name, site)), skipped: [] };
}

/** Asks the gateway. Errors `login.missing`, and those of the API. */
export async function routedHosts(configDir: string, world: World, signal: AbortSignal): Promise<SshHosts> {
  const { client } = await openRemote(configDir, world);
  const sites = new Map<string, Set<string | null>>();
  const refused = new Set<string>();
  for (let after: string | null | undefined; after !== null; ) {
    const page = await client.listAgents(after === undefined ? {} : { after }, signal);
    for (const { routes, ports, site, state } of page.agents) {
      if (state === 'revoked') continue;
      const allowed = portAllowed(parsePorts(ports), SSH_PORT);
      for (const route of routes) if (allowed) sites.set(route, (sites.get(route) ?? new Set()).add(site));
      if (!allowed) for (const route of routes) refused.add(route);
    }
    after = page.next;
  }
  const found = [...sites]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([route, where]) => (where.size > 1 ? skip(route, 'it is at several sites; name a host and --site') : hostsOf(route)));
  const hosts = found
    .flatMap((each) => each.hosts)
    .sort((a, b) => Number(a.pattern.includes('*')) - Number(b.pattern.includes('*')) || b.pattern.length - a.pattern.length);
  const denied = [...refused].filter((route) => !sites.has(route)).map((route) => ({ route, why: `port ${SSH_PORT} is not allowed there` }));
  return { hosts, skipped: [...found.flatMap((each) => each.skipped), ...denied] };
}

/** As ssh_config patterns, which know whole labels and whole numbers only. */
export function hostsOf(route: string): SshHosts {
  if (!route.includes('/')) return { hosts: [patternOrLiteral(route, undefined)], skipped: [] };
  const { family, base, prefix } = parseSubnet(route);
  if (prefix === base.length * 8) return { hosts: [literal(route.slice(0, route.lastIndexOf('/')), undefined)], skipped: [] };
  if (family === 6) return skip(route, 'an IPv6 network is no pattern; name a host');
  const octets = Math.ceil(prefix / 8);
  const count = 2 ** (octets * 8 - prefix);
  if (prefix === 0 || count > PATTERNS_AT_MOST) return skip(route, 'too wide, or too many patterns; name a host');
  const hosts = Array.from({ length: count }, (_, index) => {
    const first = [...base.subarray(0, octets - 1), (base[octets - 1] ?? 0) + index].join('.');
    return octets === 4 ? literal(first, undefined) : { pattern: `${first}.*`, host_key_alias: null };
  });
  return { hosts, skipped: [] };
}

/** The text for ~/.ssh/config. */
export function sshConfig({ hosts, skipped }: SshHosts, way: SshWay): string {
  const blocks = hosts.map(({ pattern, host_key_alias }) => {
    const alias = host_key_alias === null ? [] : [`  HostKeyAlias ${host_key_alias}`];
    return [`Host ${pattern}`, ...alias, `  ProxyCommand ${proxyCommand(way, pattern.includes(':'))}`].join('\n');
  });
  const left = skipped.map(({ route, why }) => `# left out ${escapeText(route)}: ${why}`);
  return [['# Written by tunnel ssh-config.', ...left].join('\n'), ...blocks].join('\n\n');
}

function patternOrLiteral(name: string, site: string | undefined): SshHost {
  return name.startsWith('*.') && isNamePattern(name.toLowerCase()) ? { pattern: parseNamePattern(name), host_key_alias: null } : literal(name, site);
}

function literal(name: string, site: string | undefined): SshHost {
  const host = name.replace(/^\[(.*:.*)\]$/, '$1');
  return { pattern: host, host_key_alias: hostKeyAlias(parseHost(host, SSH_PORT, site)) };
}

function skip(route: string, why: string): SshHosts {
  return { hosts: [], skipped: [{ route, why }] };
}
