import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseListen, parsePublicUrl } from './addresses.ts';
import { quicEndpoint, serverNames, settledConfig, wantedConfig } from './config.ts';
import { parseConfig } from './config-file.ts';

const stored = (listen: string, public_url: string, more = {}) => ({ listen, public_url, public_udp: null, proxy_listen: null, ...more });

for (const [text, address, port] of [
  ['0.0.0.0:8443', '0.0.0.0', 8443],
  ['[::]:0', '::', 0],
  ['[::0001]:1', '::1', 1],
  ['localhost:0', '127.0.0.1', 0],
] as const)
  test(`${text} listens on ${address}`, () => assert.deepEqual(parseListen(text, 'listen'), { address, port }));

for (const text of ['', '8443', ':8443', '::1:8443', '1.2.3.4', '1.2.3.4:', '1.2.3.4:65536', '1.2.3.4:080', 'gw.example:1', '[1.2.3.4]:1', '127.1:1'])
  test(`"${text}" is nothing to listen on`, () => assert.throws(() => parseListen(text, 'listen'), { code: 'address.malformed' }));

test('public URLs', () => {
  assert.equal(parsePublicUrl('https://GW.example:8443/'), 'https://gw.example:8443');
  assert.equal(parsePublicUrl('https://gw.example'), 'https://gw.example');
  assert.equal(parsePublicUrl('https://[FD00::1]:8443'), 'https://[fd00::1]:8443');
  for (const bad of [
    '',
    'gw.example',
    'http://gw.example',
    'https://gw.example/path',
    'https://u:p@gw.example',
    'https://0.0.0.0:1',
    'https://[::]:1',
    'https://gw.example?x',
    'https://gw.example:0',
  ])
    assert.throws(() => parsePublicUrl(bad), { code: 'usage' }, bad);
});

test('a wildcard without a public URL is refused and names the addresses of this machine', () => {
  const interfaces = [{ address: '192.0.2.7', family: 4 } as const, { address: 'fe80::1', family: 6 } as const];
  assert.throws(
    () => wantedConfig({ listen: '0.0.0.0:8443' }, undefined, interfaces),
    (error: Error & { code?: string; hint?: string }) =>
      error.code === 'gateway.public-url' && /https:\/\/192\.0\.2\.7:8443/.test(error.hint ?? '') && !/fe80/.test(error.hint ?? ''),
  );
  assert.throws(() => wantedConfig({}, undefined, interfaces), { code: 'gateway.public-url' });
  assert.equal(wantedConfig({}, stored('0.0.0.0:8443', 'https://gw.example:8443'), interfaces).publicUrl, 'https://gw.example:8443');
});

test('what was stored is used again, a chosen port too', () => {
  const first = wantedConfig({ listen: '127.0.0.1:0' }, undefined, []);
  assert.deepEqual(first.listen, { address: '127.0.0.1', port: 0 });
  const settled = settledConfig(first, { tcp: { address: '127.0.0.1', port: 4711 }, proxy: null }, undefined);
  assert.deepEqual(settled, stored('127.0.0.1:4711', 'https://127.0.0.1:4711'));
  for (const flags of [{}, { listen: '127.0.0.1:0' }]) {
    const again = wantedConfig(flags, settled, []);
    assert.deepEqual([again.listen.port, again.publicUrl], [4711, 'https://127.0.0.1:4711']);
  }
});

test('a URL that only repeated the listening address changes with it, another one stays', () => {
  assert.equal(wantedConfig({ listen: '127.0.0.1:5000' }, stored('127.0.0.1:4711', 'https://127.0.0.1:4711'), []).publicUrl, null);
  assert.equal(wantedConfig({ listen: '127.0.0.1:5000' }, stored('127.0.0.1:4711', 'https://gw.example:4711'), []).publicUrl, 'https://gw.example:4711');
});

test('names of the certificate and the QUIC endpoint', () => {
  const wanted = wantedConfig({ listen: '[::1]:0', publicUdp: 'udp.example:53' }, undefined, []);
  assert.deepEqual(serverNames(wanted), ['::1', 'udp.example']);
  assert.equal(quicEndpoint(stored('[::1]:4711', 'https://[::1]:4711')), '[::1]:4711');
  assert.equal(quicEndpoint(stored('0.0.0.0:8443', 'https://gw.example')), 'gw.example:8443');
  assert.equal(quicEndpoint(stored('0.0.0.0:8443', 'https://gw.example', { public_udp: 'udp.example:53' })), 'udp.example:53');
});

test('unknown keys survive', () => {
  const before = stored('127.0.0.1:1', 'https://gw.example', { note: 'mine' });
  assert.equal(settledConfig(wantedConfig({}, before, []), { tcp: { address: '127.0.0.1', port: 1 }, proxy: null }, before)['note'], 'mine');
});

test('the longest session: as it is stored, from 1m on', () => {
  const longest = (longest_session: string | null) => wantedConfig({}, stored('127.0.0.1:1', 'https://gw.example:1', { longest_session }), []).longestSessionMs;
  assert.deepEqual([longest(null), longest('1m'), longest('8h')], [null, 60_000, 8 * 3_600_000]);
  const written = (longest_session: string) =>
    parseConfig('gateway.json', Buffer.from(JSON.stringify(stored('127.0.0.1:1', 'https://gw.example:1', { longest_session }))));
  for (const bad of ['59s', '0s', 'never', '']) assert.throws(() => written(bad), { code: 'config.invalid', message: /longest_session/ }, bad);
});

test('lifetimes: what is given, else what is stored, else the defaults; bounds are named', () => {
  const at = stored('127.0.0.1:1', 'https://gw.example:1', { agent_cert_lifetime: '60s' });
  const lifetimes = (flags: object, before?: typeof at) => wantedConfig({ listen: '127.0.0.1:1', ...flags }, before, []).lifetimes;
  const DAY = 86_400_000;
  assert.deepEqual(lifetimes({}), { agentMs: 90 * DAY, serverMs: 365 * DAY });
  assert.deepEqual(lifetimes({}, at), { agentMs: 60_000, serverMs: 365 * DAY });
  assert.deepEqual(lifetimes({ agentCertLifetime: '30d', serverCertLifetime: '60s' }, at), { agentMs: 30 * DAY, serverMs: 60_000 });
  for (const bad of ['29s', '3651d', '1 year', ''])
    assert.throws(() => lifetimes({ serverCertLifetime: bad }), { code: 'duration.malformed', message: /server-cert-lifetime/ }, bad);
});
