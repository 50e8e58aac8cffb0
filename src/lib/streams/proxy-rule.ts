// Which HTTP proxy of the environment, if any, a connection to the gateway goes through: curl's rule for https, for all three roles.
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import { TunnelError } from '../base/errors.ts';
import type { ProxyEnvironment } from '../base/world.ts';

/** A name, or an address without brackets. */
export interface Place {
  readonly host: string;
  readonly port: number;
}

export interface HttpProxy extends Place {
  /** TLS to the proxy itself. */
  readonly tls: boolean;
  /** The variable that names it. */
  readonly variable: string;
  /** For people: `http://proxy.example:3128 (HTTPS_PROXY)`, never with its credential. */
  readonly called: string;
  /** `Proxy-Authorization` (RFC 7617); secret. */
  readonly authorization: string | undefined;
}

/** The first that is set and not empty holds, as in curl. */
const VARIABLES = ['https_proxy', 'HTTPS_PROXY', 'all_proxy', 'ALL_PROXY'] as const;

/**
 * Undefined: go directly. Loopback is proxied like any other place, as curl does it and unlike Go: who wants it direct writes it into NO_PROXY.
 * Error `proxy.malformed`, which never repeats what stands in the variable.
 */
export function proxyFor(to: Place, environment: ProxyEnvironment): HttpProxy | undefined {
  const variable = VARIABLES.find((name) => (environment[name] ?? '') !== '');
  if (variable === undefined || isExempt(to, environment.no_proxy || environment.NO_PROXY || '')) return undefined;
  return parseProxy(variable, environment[variable] ?? '');
}

/**
 * NO_PROXY: entries with commas or blanks between them. `*` is everything; a name is itself and all below it, with or without `.` or `*.` before it;
 * an address is itself, a CIDR its addresses; `:port` behind any of them narrows it to that port. Names are not resolved for it.
 */
function isExempt({ host, port }: Place, list: string): boolean {
  const name = host.toLowerCase().replace(/\.$/, '');
  return list
    .toLowerCase()
    .split(/[\s,]+/)
    .some((entry) => {
      const [, before, onlyPort] = /^(\[[^\]]*\]|[^:]*):(\d{1,5})$/.exec(entry) ?? [];
      if (onlyPort !== undefined && Number(onlyPort) !== port) return false;
      const place = (before ?? entry).replace(/^\[(.*)\]$/, '$1');
      if (place === '*') return true;
      return isIP(name) === 0 ? isBelow(name, place) : isWithin(name, place);
    });
}

function isBelow(name: string, entry: string): boolean {
  const domain = entry.replace(/^\*?\./, '').replace(/\.$/, '');
  return domain !== '' && (name === domain || name.endsWith(`.${domain}`));
}

/** An IPv4 address inside IPv6 (`::ffff:10.0.0.1`) counts as what it is. */
function isWithin(address: string, entry: string): boolean {
  const [base = '', prefix] = entry.split('/');
  if (isIP(base) === 0 || (prefix !== undefined && !ipaddr.isValidCIDR(entry))) return false;
  const [one, other] = [ipaddr.process(address), ipaddr.process(base)];
  if (prefix === undefined) return one.toString() === other.toString();
  return one.kind() === ipaddr.parse(base).kind() && one.match(ipaddr.parseCIDR(entry));
}

const HINT = 'Write it as http://host:port or http://user:password@host:port; other than letters and digits, user and password need percent-encoding.';

function parseProxy(variable: string, text: string): HttpProxy {
  const malformed = (why: string) => new TunnelError('proxy.malformed', `${variable} ${why}`, { hint: HINT });
  const written = /^[a-z][a-z\d+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  if (/^socks/i.test(written)) throw malformed('names a SOCKS proxy; only HTTP proxies are used');
  const url = URL.canParse(written) ? new URL(written) : undefined;
  // A password with a bare / ? or # would end the address in its midst, and its first half be taken for a port.
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.hostname === '' || url.pathname !== '/' || url.search !== '' || url.hash !== '') {
    throw malformed('is not the URL of an HTTP proxy');
  }
  const tls = url.protocol === 'https:';
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? (tls ? 443 : 80) : Number(url.port),
    tls,
    variable,
    called: `${url.origin} (${variable})`,
    authorization: basic(url, () => malformed('has a user or password with a broken percent-encoding')),
  };
}

function basic({ username, password }: URL, malformed: () => TunnelError): string | undefined {
  if (username === '' && password === '') return undefined;
  try {
    return `Basic ${Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64')}`;
  } catch {
    throw malformed();
  }
}
