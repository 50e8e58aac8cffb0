// Which DNS domain the files of a Unix machine name, as text: resolv.conf, hosts, krb5.conf (A6). Pure.

/**
 * resolv.conf(5): `domain` names one, `search` a list whose first is it, and where both stand the last line wins. Only the first names of a line that are
 * domains of two labels or more count; `.`, a lone label and anything that is no host name do not. Lower case, no final dot. Undefined where there is none.
 */
export function parseResolvConf(text: string): string | undefined {
  const lines = linesOf(text);
  const last = lines.findLast(([keyword]) => keyword === 'domain' || keyword === 'search');
  const names = last === undefined ? [] : last[0] === 'domain' ? last.slice(1, 2) : last.slice(1);
  return names.map(domainOf).find((name) => name !== undefined);
}

/** The domain of a host name that has one: `web1.corp.example`. */
export function parseHostName(hostname: string): string | undefined {
  return domainOf(hostname.slice(hostname.indexOf('.') + 1));
}

/** hosts(5): the full name of this machine, as `hostname -f` finds it there. */
export function parseHosts(text: string, hostname: string): string | undefined {
  const own = linesOf(text.replaceAll(/#.*$/gm, '')).find(([, full, ...aliases]) => full?.startsWith(`${hostname}.`) && aliases.includes(hostname));
  return own?.[1] === undefined ? undefined : parseHostName(own[1]);
}

/** krb5.conf(5): the realm that this machine has joined; `realm join` writes it. */
export function parseKrb5Conf(text: string): string | undefined {
  let section = '';
  for (const line of text.split('\n')) {
    section = /^\s*\[(\w+)\]/.exec(line)?.[1] ?? section;
    const [, realm] = /^\s*default_realm\s*=\s*(\S+)\s*$/.exec(line) ?? [];
    if (section === 'libdefaults' && realm !== undefined) return domainOf(realm);
  }
  return undefined;
}

/** A name of two labels or more, in lower case and without a final dot; undefined for anything else. */
export function domainOf(text: string): string | undefined {
  const name = text.toLowerCase().replace(/\.$/, '');
  const labels = name.split('.');
  const is = name.length <= 251 && labels.length > 1 && labels.every((label) => LABEL.test(label)) && !/^\d+$/.test(labels.at(-1) ?? '');
  return is ? name : undefined;
}

const LABEL = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/;

function linesOf(text: string): string[][] {
  return text.split('\n').map((line) => line.trim().split(/\s+/));
}
