import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDnsDomain, readDnsDomain } from './resolv-conf.ts';

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
  test(`resolv.conf ${JSON.stringify(text.slice(0, 60))}: ${domain ?? 'none'}`, () => assert.equal(parseDnsDomain(text), domain));
}

test('no file is no domain', async () => assert.equal(await readDnsDomain('/nonexistent/resolv.conf'), undefined));
