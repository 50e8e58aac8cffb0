// Which texts a certificate may name, and as what: DNS names and addresses, in one spelling each.
import ipaddr from 'ipaddr.js';

export type ServerName = { readonly type: 'dns' | 'ip'; readonly value: string };

const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** Undefined for everything else: wildcards, zones, numbers that some resolvers take for addresses, brackets. */
export function serverNameOf(text: string): ServerName | undefined {
  if (ipaddr.IPv4.isValidFourPartDecimal(text) || (ipaddr.IPv6.isValid(text) && !text.includes('%')))
    return { type: 'ip', value: ipaddr.parse(text).toString() };
  const name = text.toLowerCase();
  return isDnsName(name) ? { type: 'dns', value: name } : undefined;
}

/** RFC 1123 2.1, lower case, no final dot. A numeric last label would be an address to some verifiers. */
function isDnsName(text: string): boolean {
  const labels = text.split('.');
  return text.length <= 253 && labels.every((label) => LABEL.test(label)) && !/^(\d+|0x[0-9a-f]*)$/.test(labels.at(-1) ?? '');
}
