import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TunnelError } from '../base/errors.ts';
import { formatTarget, parseTarget } from './target.ts';

for (const [text, canonical] of [
  ['10.0.0.5:3389', '10.0.0.5:3389'],
  ['[fd00::1]:22', '[fd00::1]:22'],
  ['[FD00:0:0:0:0:0:0:1]:22', '[fd00::1]:22'],
  ['[::ffff:10.0.0.1]:80', '10.0.0.1:80'],
  ['DB.Corp.Example:5432', 'db.corp.example:5432'],
  ['web1:1', 'web1:1'],
  ['localhost:65535', 'localhost:65535'],
  ['xn--bcher-kva.example:443', 'xn--bcher-kva.example:443'],
  ['1host.example:80', '1host.example:80'],
] as const) {
  test(`${text} is ${canonical}`, () => assert.equal(formatTarget(parseTarget(text)), canonical));
}

for (const text of [
  '',
  'host',
  'host:',
  ':22',
  'host:0',
  'host:65536',
  'host:022',
  'host:-1',
  'host:2 2',
  'host: 22',
  'host:٢٢',
  'fd00::1',
  'fd00::1:22',
  '[fd00::1]',
  '[fd00::1]22',
  '[fd00::1%eth0]:22',
  '[10.0.0.1]:22',
  '127.1:80',
  '0177.0.0.1:80',
  '0x7f.0.0.1:80',
  '2130706433:80',
  '0x7f000001:80',
  '10.0.0.01:80',
  '10.0.0.256:80',
  '10.0.0:80',
  'user@host:22',
  'host\0:22',
  'ho st:22',
  '-host:22',
  'host-:22',
  'a..b:22',
  'host.:22',
  'bücher.example:80',
  '１０.0.0.1:80',
  'host/:22',
  'host:22/',
  'http://host:22',
  `${'a'.repeat(64)}.example:22`,
  `${'a.'.repeat(130)}a:22`,
  'foo.127:80',
]) {
  test(`${JSON.stringify(text)} is refused`, () => {
    assert.throws(
      () => parseTarget(text),
      (error) => error instanceof TunnelError && error.code === 'target.malformed' && error.hint !== undefined,
    );
  });
}

test('a canonical target reads as itself', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.ipV4(),
        fc.ipV6().map((address) => `[${address}]`),
        fc.domain(),
      ),
      fc.integer({ min: 1, max: 65535 }),
      (host, port) => {
        let once: string;
        try {
          once = formatTarget(parseTarget(`${host}:${port}`));
        } catch (error) {
          assert.ok(error instanceof TunnelError);
          return;
        }
        assert.equal(formatTarget(parseTarget(once)), once);
      },
    ),
  );
});

test('no text makes the parser throw anything but its own error', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      try {
        parseTarget(text);
      } catch (error) {
        assert.ok(error instanceof TunnelError);
      }
    }),
  );
});
