// Which proxy for which place: curl's rule as tables, and what must never be repeated of a variable.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import type { ProxyEnvironment } from '../base/world.ts';
import { proxyFor } from './proxy-rule.ts';

const TO = { host: 'gw.example', port: 8443 };

for (const [environment, proxy] of [
  [{}, undefined],
  [{ HTTPS_PROXY: '' }, undefined],
  [{ HTTPS_PROXY: 'http://p.example:3128' }, 'http://p.example:3128 (HTTPS_PROXY)'],
  [{ https_proxy: 'http://lower', HTTPS_PROXY: 'http://upper' }, 'http://lower (https_proxy)'],
  [{ https_proxy: '', HTTPS_PROXY: 'http://upper' }, 'http://upper (HTTPS_PROXY)'],
  [{ ALL_PROXY: 'http://all' }, 'http://all (ALL_PROXY)'],
  [{ all_proxy: 'http://low', ALL_PROXY: 'http://all' }, 'http://low (all_proxy)'],
  [{ ALL_PROXY: 'http://all', HTTPS_PROXY: 'http://https' }, 'http://https (HTTPS_PROXY)'],
  [{ HTTPS_PROXY: 'p.example:3128' }, 'http://p.example:3128 (HTTPS_PROXY)'],
  [{ HTTPS_PROXY: 'user:word@p.example:3128' }, 'http://p.example:3128 (HTTPS_PROXY)'],
  [{ HTTPS_PROXY: 'http://p:1', no_proxy: '', NO_PROXY: 'gw.example' }, undefined],
  [{ HTTPS_PROXY: 'http://p:1', no_proxy: 'other', NO_PROXY: 'gw.example' }, 'http://p:1 (HTTPS_PROXY)'],
  [{ HTTPS_PROXY: 'malformed://', NO_PROXY: '*' }, undefined],
] as const satisfies readonly (readonly [ProxyEnvironment, string | undefined])[]) {
  test(`${inspect(environment)} gives ${proxy}`, () => assert.equal(proxyFor(TO, environment)?.called, proxy));
}

for (const [text, expected] of [
  ['http://p.example', { host: 'p.example', port: 80, tls: false, authorization: undefined }],
  ['http://p.example:80/', { host: 'p.example', port: 80, tls: false, authorization: undefined }],
  ['https://p.example', { host: 'p.example', port: 443, tls: true, authorization: undefined }],
  ['http://[fd00::1]:3128', { host: 'fd00::1', port: 3128, tls: false, authorization: undefined }],
  ['http://alice:w%40rd%3A%2F%20%C3%A4@p:1', { host: 'p', port: 1, tls: false, authorization: basic('alice:w@rd:/ ä') }],
  ['http://alice@p:1', { host: 'p', port: 1, tls: false, authorization: basic('alice:') }],
  ['http://:word@p:1', { host: 'p', port: 1, tls: false, authorization: basic(':word') }],
  ['http://alice:w@rd@p:1', { host: 'p', port: 1, tls: false, authorization: basic('alice:w@rd') }],
] as const) {
  test(`${text} is read`, () => {
    const { host, port, tls, authorization } = proxyFor(TO, { HTTPS_PROXY: text }) ?? {};
    assert.deepEqual({ host, port, tls, authorization }, expected);
  });
}

for (const text of [
  'http://',
  'http://alice:hun/ter2@p:1',
  'http://alice:80/hunter2@p:1',
  'http://alice:80?hunter2@p:1',
  'http://alice:80#hunter2@p:1',
  'http://alice:80\\hunter2@p:1',
  'http://alice:hunter2%zz@p:1',
  'http://alice:hunter2%ff@p:1',
  'http://alice:hunter2@p:99999',
  'http://alice:hunter2@p:1/path',
  'socks5h://alice:hunter2@p:1080',
  'ftp://alice:hunter2@p',
  'hunter2 hunter2',
]) {
  test(`${text} is refused by the name of its variable`, () =>
    assert.throws(
      () => proxyFor(TO, { HTTPS_PROXY: text }),
      (error: Error & { code: string }) => {
        assert.equal(error.code, 'proxy.malformed');
        assert.match(error.message, /HTTPS_PROXY/);
        assert.doesNotMatch(inspect(error), /hunter|alice/);
        return true;
      },
    ));
}

test('what is said of a proxy is without its credential', () => {
  assert.equal(proxyFor(TO, { HTTPS_PROXY: 'https://alice:hunter2@p.example:444' })?.called, 'https://p.example:444 (HTTPS_PROXY)');
});

for (const [place, list, direct] of [
  ['gw.example:443', '*', true],
  ['gw.example:443', ' other , gw.example', true],
  ['gw.example:443', 'other gw.example', true],
  ['GW.Example.:443', 'gw.eXample.', true],
  ['a.gw.example:443', 'gw.example', true],
  ['a.gw.example:443', '.gw.example', true],
  ['a.gw.example:443', '*.gw.example', true],
  ['gw.example:443', '.gw.example', true],
  ['agw.example:443', 'gw.example', false],
  ['example:443', 'gw.example', false],
  ['gw.example:443', ',., ,:443,*.', false],
  ['gw.example:443', '*example', false],
  ['gw.example:443', 'gw.example:443', true],
  ['gw.example:443', 'gw.example:8443', false],
  ['gw.example:443', '*:443', true],
  ['10.1.2.3:443', '10.1.2.3', true],
  ['10.1.2.3:443', '10.1.2.3:443', true],
  ['10.1.2.3:443', '10.1.2.3:444', false],
  ['10.1.2.3:443', '10.1.0.0/16', true],
  ['10.1.2.3:443', '10.1.2.99/24', true],
  ['10.1.2.3:443', '10.2.0.0/16', false],
  ['10.1.2.3:443', '10.1.2.3/99', false],
  ['10.1.2.3:443', '2.3', false],
  ['10.1.2.3:443', '.2.3', false],
  ['10.1.2.3:443', '10', false],
  ['10.1.2.3:443', '::/0', false],
  ['[fd00::1]:443', 'fd00::1', true],
  ['[fd00::1]:443', 'FD00:0::0:1', true],
  ['[fd00::1]:443', '[fd00::1]', true],
  ['[fd00::1]:443', '[fd00::1]:443', true],
  ['[fd00::1]:443', '[fd00::1]:444', false],
  ['[fd00::1]:443', 'fd00::/8', true],
  ['[fd00::1]:443', '0.0.0.0/0', false],
  ['[::ffff:10.1.2.3]:443', '10.1.0.0/16', true],
  ['127.0.0.1:443', '', false],
  ['127.0.0.1:443', 'localhost', false],
  ['localhost:443', '', false],
  ['[::1]:443', '', false],
  ['localhost:443', 'localhost,127.0.0.0/8', true],
] as const) {
  test(`${place} with NO_PROXY=${list} ${direct ? 'goes directly' : 'is proxied'}`, () => {
    const [, host = '', port = ''] = /^\[?(.*?)\]?:(\d+)$/.exec(place) ?? [];
    assert.equal(proxyFor({ host, port: Number(port) }, { HTTPS_PROXY: 'http://p:1', NO_PROXY: list }) === undefined, direct);
  });
}

function basic(pair: string): string {
  return `Basic ${Buffer.from(pair).toString('base64')}`;
}
