// What ssh and RDP clients are told: quoting, host identities, patterns of routes, and nothing that a name could smuggle in.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ownAddress, rdpTarget, rdpText } from './rdp.ts';
import { parseSshDestination, proxyCommand, sshArguments } from './ssh.ts';
import { hostsOf, namedHosts, sshConfig } from './ssh-config.ts';

const WAY = { self: ['/usr/bin/node', '/opt/my tunnel/run.js'], configDir: undefined, agent: undefined, site: undefined, wait: undefined };

for (const [text, port, site, host, target, alias] of [
  ['10.0.0.7', 22, undefined, '10.0.0.7', '10.0.0.7:22', 'tunnel:10.0.0.7'],
  ['admin@Web.corp.example', 22, undefined, 'Web.corp.example', 'web.corp.example:22', 'tunnel:web.corp.example'],
  ['a@b@10.0.0.7', 2222, undefined, '10.0.0.7', '10.0.0.7:2222', 'tunnel:10.0.0.7:2222'],
  ['fd00::7', 22, undefined, 'fd00::7', '[fd00::7]:22', 'tunnel:fd00::7'],
  ['[fd00:0::7]', 22, 'berlin', 'fd00:0::7', '[fd00::7]:22@berlin', 'tunnel:fd00::7@berlin'],
] as const)
  test(`ssh to ${text}`, () => {
    const found = parseSshDestination(text, port, site);
    assert.deepEqual([found.host, found.target, found.hostKeyAlias], [host, target, alias]);
  });

for (const text of ['-oProxyCommand=x@10.0.0.7', '@10.0.0.7', 'a\n@10.0.0.7', '-oProxyCommand=x', '10.0.0.7:22', '10.0.0.7 x', '', '0x7f.1'])
  test(`no ssh to ${JSON.stringify(text)}`, () => assert.throws(() => parseSshDestination(text, 22, undefined), { kind: 'usage' }));

test('the proxy command is quoted for the shell, and for ssh', { skip: process.platform === 'win32' }, () => {
  assert.equal(proxyCommand(WAY, false), "/usr/bin/node '/opt/my tunnel/run.js' connect --stdio %h:%p");
  assert.equal(
    proxyCommand({ ...WAY, self: ["/100%/o'k"], configDir: '/c', agent: 'web1', site: 'berlin', wait: '10s' }, true),
    "'/100%%/o'\\''k' connect --stdio --config-dir /c --agent web1 --site berlin --wait 10s '[%h]:%p'",
  );
  assert.throws(() => proxyCommand({ ...WAY, configDir: '/a\nHost *' }, false), { kind: 'usage' });
  assert.deepEqual(sshArguments(parseSshDestination('a@10.0.0.7', 23, undefined), 23, WAY).slice(-3), ['-p', '23', 'a@10.0.0.7']);
});

for (const [route, patterns] of [
  ['web.corp.example', ['web.corp.example']],
  ['*.corp.example', ['*.corp.example']],
  ['10.0.0.7/32', ['10.0.0.7']],
  ['10.0.0.0/30', ['10.0.0.0', '10.0.0.1', '10.0.0.2', '10.0.0.3']],
  ['10.0.4.0/22', ['10.0.4.*', '10.0.5.*', '10.0.6.*', '10.0.7.*']],
  ['10.1.0.0/16', ['10.1.*']],
  ['127.0.0.0/8', ['127.*']],
  ['0.0.0.0/0', []],
  ['10.0.0.0/25', []],
  ['fd00::/64', []],
  ['fd00::7/128', ['fd00::7']],
] as const)
  test(`ssh_config of ${route}`, () => {
    const { hosts, skipped } = hostsOf(route);
    assert.deepEqual(
      hosts.map(({ pattern }) => pattern),
      patterns,
    );
    assert.equal(skipped.length, patterns.length === 0 ? 1 : 0);
  });

test('lines of ssh_config', () => {
  const lines = sshConfig(namedHosts(['10.0.0.7', '*.corp.example'], undefined), { ...WAY, self: ['tunnel'] });
  assert.equal(
    lines,
    '# Written by tunnel ssh-config.\n\nHost 10.0.0.7\n  HostKeyAlias tunnel:10.0.0.7\n  ProxyCommand tunnel connect --stdio %h:%p\n\nHost *.corp.example\n  ProxyCommand tunnel connect --stdio %h:%p',
  );
  for (const bad of ['*', 'a b', 'a\nHost *', '10.0.*', '!x']) assert.throws(() => namedHosts([bad], undefined), { kind: 'usage' });
});

test('a gateway cannot add lines to ssh_config', () => {
  const smuggled = 'x\n  ProxyCommand evil';
  for (const route of [`*.${smuggled}`, `*.corp.example\n  ProxyCommand evil`, smuggled, `10.0.0.0/8\n  ProxyCommand evil`])
    assert.throws(() => hostsOf(route));
  const lines = sshConfig({ hosts: [], skipped: [{ route: smuggled, why: 'port 22 is not allowed there' }] }, WAY).split('\n');
  assert.ok(
    lines.every((line) => line.startsWith('# ')),
    String(lines),
  );
});

for (const [text, target] of [
  ['10.0.0.5', '10.0.0.5:3389'],
  ['desk.corp.example:3390', 'desk.corp.example:3390'],
  ['fd00::5', '[fd00::5]:3389'],
  ['[fd00::5]', '[fd00::5]:3389'],
  ['[fd00::5]:3390', '[fd00::5]:3390'],
  ['10.0.0.5@berlin', '10.0.0.5:3389@berlin'],
] as const)
  test(`rdp to ${text}`, () => assert.equal(rdpTarget(text, undefined), target));

test('an .rdp file says nothing that a user name smuggles in', () => {
  assert.match(Buffer.from(rdpText('127.64.1.2:3389', 'CORP\\alice')).toString(), /^full address:s:127\.64\.1\.2:3389\r\nusername:s:CORP\\alice\r\n/);
  assert.match(Buffer.from(rdpText('127.64.1.2:3389', 'bjørn')).toString('utf16le'), /^\ufefffull address.*\r\nusername:s:bjørn\r\n/);
  assert.throws(() => rdpText('127.0.0.1:1', 'a\r\nalternate shell:s:evil'), { kind: 'usage' });
});

test('each target has an address of its own, always the same', () => {
  assert.equal(ownAddress('10.0.0.5:3389'), ownAddress('10.0.0.5:3389'));
  assert.notEqual(ownAddress('10.0.0.5:3389'), ownAddress('10.0.0.6:3389'));
  assert.match(ownAddress('10.0.0.5:3389'), /^127\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.\d+\.\d+$/);
});
