// Where a machine keeps its domain, in which order it is looked for, and what no machine answers.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findDnsDomain, type Machine } from './dns-domain.ts';

interface Given {
  readonly files?: Readonly<Record<string, string>>;
  readonly hostname?: string;
  readonly userDnsDomain?: string;
  readonly registry?: Readonly<Record<string, string>>;
}

function machine(platform: NodeJS.Platform, { files = {}, hostname = 'web1', userDnsDomain, registry }: Given): Machine & { readonly ran: string[] } {
  const ran: string[] = [];
  const values = Object.entries(registry ?? {}).map(([name, value]) => `    ${name}    REG_SZ    ${value}\r\n`);
  return {
    platform,
    environment: { USERDNSDOMAIN: userDnsDomain, SystemRoot: 'C:\\Windows' },
    hostname,
    ran,
    read: async (path) => files[path] ?? '',
    run: async (file, args) => {
      ran.push([file, ...args].join(' '));
      return registry === undefined ? '' : `\r\nHKEY_LOCAL_MACHINE\\...\\Parameters\r\n${values.join('')}\r\n`;
    },
  };
}

const ALL = {
  '/etc/resolv.conf': 'search resolv.example\n',
  '/etc/hosts': '127.0.1.1 web1.hosts.example web1\n',
  '/etc/krb5.conf': '[libdefaults]\ndefault_realm = REALM.EXAMPLE\n',
};
const without = (...paths: (keyof typeof ALL)[]) => Object.fromEntries(Object.entries(ALL).filter(([path]) => !paths.some((left) => left === path)));

for (const [what, given, domain] of [
  ['resolv.conf first', { files: ALL, hostname: 'web1.name.example' }, 'resolv.example'],
  ['then its own name', { files: without('/etc/resolv.conf'), hostname: 'web1.name.example' }, 'name.example'],
  ['then hosts', { files: without('/etc/resolv.conf') }, 'hosts.example'],
  ['then the realm', { files: without('/etc/resolv.conf', '/etc/hosts') }, 'realm.example'],
  ['a resolv.conf without a domain is none', { files: { ...ALL, '/etc/resolv.conf': 'nameserver 10.0.0.1\nsearch .\n' } }, 'hosts.example'],
  ['nothing', {}, undefined],
] satisfies [string, Given, string | undefined][]) {
  test(`Linux, ${what}: ${domain ?? 'none'}`, async () => {
    const asked = machine('linux', given);
    assert.equal(await findDnsDomain(asked), domain);
    assert.deepEqual(asked.ran, []);
  });
}

const REG = 'C:\\Windows\\System32\\reg.exe query HKLM\\SYSTEM\\CurrentControlSet\\Services\\Tcpip\\Parameters';
for (const [what, given, domain, ran] of [
  ['the login', { userDnsDomain: 'CORP.EXAMPLE', registry: { Domain: 'machine.example' } }, 'corp.example', []],
  ['a service', { registry: { Domain: 'machine.example', 'NV Domain': 'later.example', DhcpDomain: 'dhcp.example' } }, 'machine.example', [REG]],
  ['a machine of no domain', { registry: { Domain: '', 'NV Domain': '', DhcpDomain: 'dhcp.example' } }, 'dhcp.example', [REG]],
  ['a workgroup', { userDnsDomain: 'WORKGROUP', registry: { Domain: '' } }, undefined, [REG]],
  ['no registry', {}, undefined, [REG]],
] satisfies [string, Given, string | undefined, string[]][]) {
  test(`Windows, ${what}: ${domain ?? 'none'}`, async () => {
    const asked = machine('win32', given);
    assert.equal(await findDnsDomain(asked), domain);
    assert.deepEqual(asked.ran, ran);
  });
}

test('this machine answers, and in a moment', { timeout: 5000 }, async () => {
  const found = await findDnsDomain();
  assert.ok(found === undefined || found.includes('.'));
});
