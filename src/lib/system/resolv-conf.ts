// The DNS domain that this machine belongs to, for an agent that nobody told one (A6): resolv.conf on Unix, the login's domain on Windows.
import { readFile } from 'node:fs/promises';

/**
 * resolv.conf(5): `domain` names one, `search` a list whose first is it, and where both stand the last line wins. Only the first names of a line that are
 * domains of two labels or more count; `.`, a lone label and anything that is no host name do not. Lower case, no final dot. Undefined where there is none.
 */
export function parseDnsDomain(text: string): string | undefined {
  const lines = text.split('\n').map((line) => line.trim().split(/\s+/));
  const last = lines.findLast(([keyword]) => keyword === 'domain' || keyword === 'search');
  const names = last === undefined ? [] : last[0] === 'domain' ? last.slice(1, 2) : last.slice(1);
  return names.map((name) => name.toLowerCase().replace(/\.$/, '')).find(isDomain);
}

/** As `parseDnsDomain`, of this machine. A file that cannot be read is no domain. */
export async function readDnsDomain(path = '/etc/resolv.conf'): Promise<string | undefined> {
  if (process.platform === 'win32') return parseDnsDomain(`domain ${process.env['USERDNSDOMAIN'] ?? ''}`);
  // A symbolic link on most systems, so it is followed.
  const text = await readFile(path, 'utf8').catch(() => '');
  return parseDnsDomain(text);
}

const LABEL = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/;

function isDomain(name: string): boolean {
  const labels = name.split('.');
  return name.length <= 251 && labels.length > 1 && labels.every((label) => LABEL.test(label)) && !/^\d+$/.test(labels.at(-1) ?? '');
}
