// Texts of files as they are found, and what they name.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isHostName } from '../routing/name-pattern.ts';
import { domainOf, parseHostName, parseHosts, parseKrb5Conf, parseResolvConf } from './domain-files.ts';

for (const [text, domain] of [
  ['', undefined],
  ['nameserver 10.0.0.1\n', undefined],
  ['domain corp.example\n', 'corp.example'],
  ['search corp.example lab.example\n', 'corp.example'],
  ['search\tCorp.Example.\n', 'corp.example'],
  ['  search   corp.example  \r\n', 'corp.example'],
  ['domain first.example\nsearch second.example\n', 'second.example'],
  ['search second.example\ndomain first.example\n', 'first.example'],
  ['domain corp.example other.example\n', 'corp.example'],
  ['domain local other.example\n', undefined],
  ['search .\n', undefined],
  ['search\n', undefined],
  ['search local corp.example\n', 'corp.example'],
  ['search localdomain\n', undefined],
  ['# search commented.example\n; search commented.example\n', undefined],
  ['searching corp.example\n', undefined],
  ['options ndots:5\nsearch corp.example\nnameserver ::1', 'corp.example'],
  ['search *.corp.example b\u00fccher.example -a.example 10.0.0.1 good.example\n', 'good.example'],
  [`search ${'a.'.repeat(126)}example\n`, undefined],
] as const) {
  test(`resolv.conf ${JSON.stringify(text.slice(0, 60))}: ${domain ?? 'none'}`, () => assert.equal(parseResolvConf(text), domain));
}

for (const [hostname, domain] of [
  ['web1.corp.example', 'corp.example'],
  ['WEB1.Corp.Example.', 'corp.example'],
  ['web1', undefined],
  ['web1.local', undefined],
  ['', undefined],
  ['10.0.0.1', undefined],
] as const) {
  test(`host name ${JSON.stringify(hostname)}: ${domain ?? 'none'}`, () => assert.equal(parseHostName(hostname), domain));
}

for (const [text, domain] of [
  ['127.0.0.1 localhost\n127.0.1.1\tweb1.corp.example web1\n', 'corp.example'],
  ['127.0.1.1 web1.corp.example web1 # this machine\n', 'corp.example'],
  ['# 127.0.1.1 web1.corp.example web1\n', undefined],
  ['127.0.1.1 web1.corp.example\n', undefined],
  ['10.0.0.7 web10.corp.example web10\n', undefined],
  ['10.0.0.7 db.corp.example db web1\n', undefined],
  ['127.0.1.1 web1 web1.corp.example\n', undefined],
  ['', undefined],
] as const) {
  test(`hosts ${JSON.stringify(text)}: ${domain ?? 'none'}`, () => assert.equal(parseHosts(text, 'web1'), domain));
}

for (const [text, domain] of [
  ['[libdefaults]\n\tdefault_realm = CORP.EXAMPLE\n', 'corp.example'],
  ['[logging]\ndefault = FILE\n[libdefaults]\ndns_lookup_realm = false\ndefault_realm=corp.example\r\n[realms]\n', 'corp.example'],
  ['[libdefaults]\n# default_realm = CORP.EXAMPLE\n', undefined],
  ['[realms]\ndefault_realm = CORP.EXAMPLE\n', undefined],
  ['[libdefaults]\ndefault_realm = WORKGROUP\n', undefined],
  ['', undefined],
] as const) {
  test(`krb5.conf ${JSON.stringify(text)}: ${domain ?? 'none'}`, () => assert.equal(parseKrb5Conf(text), domain));
}

test('whatever a file holds, what is found is a host name', () => {
  const name = fc.stringMatching(/^[A-Za-z0-9_.*-]{0,40}$/);
  const line = fc.oneof(
    fc.string(),
    fc.tuple(fc.constantFrom('search', 'domain', '[libdefaults]', 'default_realm =', '127.0.1.1'), name, name).map((parts) => parts.join(' ')),
  );
  fc.assert(
    fc.property(fc.array(line), name, (lines, hostname) => {
      const text = lines.join('\n');
      for (const found of [parseResolvConf(text), parseHosts(text, hostname), parseKrb5Conf(text), parseHostName(hostname), domainOf(text)])
        assert.ok(found === undefined || isHostName(found), found);
    }),
  );
});
