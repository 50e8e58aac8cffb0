// How the system's ssh goes through the tunnel: by a ProxyCommand that is this very program, and with a host identity of its own.
import { TunnelError } from '../../base/errors.ts';
import { escapeText } from '../../base/escape.ts';
import { formatSitedTarget, parseSitedTarget, type SitedTarget } from '../../routing/sited-target.ts';

export const SSH_PORT = 22;

export interface SshWay {
  /** Program and first arguments of this very tunnel. */
  readonly self: readonly string[];
  readonly configDir: string | undefined;
  readonly agent: string | undefined;
  readonly site: string | undefined;
  readonly wait: string | undefined;
}

export interface SshDestination {
  readonly user: string | undefined;
  /** As ssh is told. */
  readonly host: string;
  /** Canonical. */
  readonly target: string;
  readonly hostKeyAlias: string;
}

/** `[USER@]HOST`, an IPv6 address with or without brackets. Errors `target.malformed`, `usage` for a user that ssh could take for an option. */
export function parseSshDestination(text: string, port: number, site: string | undefined): SshDestination {
  const at = text.lastIndexOf('@');
  const user = at < 0 ? undefined : text.slice(0, at);
  if (user !== undefined && (user === '' || user.startsWith('-') || hasControl(user)))
    throw new TunnelError('usage', `not a user name: "${escapeText(user.slice(0, 80))}"`, { hint: 'For example: tunnel ssh admin@10.0.0.7' });
  const host = text.slice(at + 1).replace(/^\[(.*:.*)\]$/, '$1');
  const target = parseHost(host, port, site);
  return { user, host, target: formatSitedTarget(target), hostKeyAlias: hostKeyAlias(target) };
}

/** A host alone, with the port that is not written. Error `target.malformed`. */
export function parseHost(host: string, port = SSH_PORT, site: string | undefined = undefined): SitedTarget {
  return parseSitedTarget(`${host.includes(':') ? `[${host}]` : host}:${port}`, { field: 'host', site: site ?? null });
}

/** The name under which ssh keeps the key: the same on every network, and never that of another machine with this address in a network nearby. */
export function hostKeyAlias(target: SitedTarget): string {
  const text = formatSitedTarget({ ...target, port: SSH_PORT }).replace(`:${SSH_PORT}`, target.port === SSH_PORT ? '' : `:${target.port}`);
  return `tunnel:${text.replace(/[[\]]/g, '')}`;
}

/** What ssh runs in place of a connection; it fills in %h and %p. Error `usage` for a path with a line break. */
export function proxyCommand({ self, configDir, agent, site, wait }: SshWay, ipv6: boolean): string {
  const words = [
    ...self,
    'connect',
    '--stdio',
    ...(configDir === undefined ? [] : ['--config-dir', configDir]),
    ...(agent === undefined ? [] : ['--agent', agent]),
    ...(site === undefined ? [] : ['--site', site]),
    ...(wait === undefined ? [] : ['--wait', wait]),
  ];
  return [...words.map(quoted), ipv6 ? "'[%h]:%p'" : '%h:%p'].join(' ');
}

/** For `ssh`, before what its user gives. */
export function sshArguments({ user, host, hostKeyAlias: alias }: SshDestination, port: number, way: SshWay): string[] {
  const option = (name: string, value: string) => ['-o', `${name}=${value}`];
  return [
    ...option('ProxyCommand', proxyCommand(way, host.includes(':'))),
    ...option('HostKeyAlias', alias),
    ...(port === SSH_PORT ? [] : ['-p', String(port)]),
    user === undefined ? host : `${user}@${host}`,
  ];
}

/** For the shell that ssh gives it to; % is ssh's own. */
function quoted(word: string): string {
  if (hasControl(word)) throw new TunnelError('usage', `a path or name has a control character: "${escapeText(word.slice(0, 80))}"`);
  const escaped = word.replaceAll('%', '%%');
  if (/^[\w./:=@+,-]+$/.test(word)) return escaped;
  return process.platform === 'win32' ? `"${escaped}"` : `'${escaped.replaceAll("'", "'\\''")}'`;
}

function hasControl(text: string): boolean {
  return /\p{Cc}/u.test(text);
}
