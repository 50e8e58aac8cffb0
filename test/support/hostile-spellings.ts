// Targets spelled in every way that some parser takes for another host (security.md, O), and the names that mean a canary to whoever resolves them.
import { networkInterfaces } from 'node:os';

const linkLocal = Object.values(networkInterfaces())
  .flat()
  .find((one) => one?.address.startsWith('fe80:'));
const [LINK_LOCAL, ZONE] = linkLocal ? [linkLocal.address, 'eth0'] : ['fe80::1', 'lo'];

const HOSTS = [
  ...['127.0.0.1', '127.0.0.2', '127.255.255.254', '0.0.0.0', '127.1', '127.0.1', '0', '2130706433', '0x7f000001', '0x7f.0.0.1', '0x7f.1', '017700000001'],
  ...['0177.0.0.1', '0177.1', '127.0.0.01', '127.0.0.1.', '0127.0.0.1', '00127.0.0.1', '127.000.000.001', '4294967297', '127.0.0.0x1'],
  ...['１２７.０.０.１', '127。0。0。1', '127．0．0．1', '①②⑦.0.0.1', '١٢٧.0.0.1', '127%2e0%2e0%2e1', '%31%32%37.0.0.1'],
  ...['user@127.0.0.1', 'web1@127.0.0.1', 'a:b@127.0.0.1', '127.0.0.1#', '127.0.0.1?', '127.0.0.1/x', '127.99.0.1@127.0.0.1', '127.0.0.1%lo'],
  ...['localhost', 'LOCALHOST', 'localhost.', 'localhost.localdomain', 'ip6-localhost', '169.254.169.254', '169.254.1.1'],
  ...['[::1]', '[0:0:0:0:0:0:0:1]', '[::]', '[::ffff:127.0.0.1]', '[::ffff:7f00:1]', '[::127.0.0.1]', '[64:ff9b::7f00:1]', '[2002:7f00:1::]'],
  ...['[::1%lo]', '[::1%25lo]', '[127.0.0.1]', '::1', '::ffff:127.0.0.1', '[::1', '::1]', `[${LINK_LOCAL}]`, `[${LINK_LOCAL}%${ZONE}]`],
  ...['canary.corp.example', 'canary6.corp.example', 'mapped.corp.example', 'zone.corp.example', 'all.corp.example', 'canary.direct.example'],
  ...['CANARY.corp.example', '*.corp.example', '127.0.0.1\0', '127.0.0.1\0.corp.example', 'xn--127-0-0-1.example', ''],
];

/** Each means that port on this machine to one parser or another. */
export function hostileHosts(port: number): string[] {
  return HOSTS.map((host) => `${host}:${port}`);
}

/** A host that is allowed, with ports that are none, or that one written otherwise. */
export function hostilePorts(host: string, port: number): string[] {
  return [`0${port}`, `+${port}`, ` ${port}`, `${port + 65_536}`, `0x${port.toString(16)}`, `${port}/`, `${port}.0`, '0', '65536', '022', '', `${port},22`].map(
    (text) => `${host}:${text}`,
  );
}

/** What a hostile name server says. */
export const HOSTILE_NAMES: Readonly<Record<string, () => readonly string[]>> = {
  'canary.corp.example': () => ['127.0.0.1'],
  'canary6.corp.example': () => ['::1'],
  'mapped.corp.example': () => ['::ffff:127.0.0.1', '64:ff9b::7f00:1'],
  'zone.corp.example': () => ['fe80::1%lo', ...(linkLocal ? [linkLocal.address, `${linkLocal.address}%eth0`] : [])],
  'all.corp.example': () => ['0.0.0.0', '::', '169.254.169.254', '127.0.0.2'],
  'canary.direct.example': () => ['127.0.0.1', '::1', '0.0.0.0'],
  localhost: () => ['127.0.0.1', '::1'],
};
