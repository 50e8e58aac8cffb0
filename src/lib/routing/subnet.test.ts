import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { allows, parseRoute } from './route.ts';
import { contains, covers, formatAddress, formatSubnet, makeSubnet, parseAddress, parseSubnet } from './subnet.ts';

for (const [text, canonical] of [
  ['10.0.0.0/24', '10.0.0.0/24'],
  ['10.0.0.7', '10.0.0.7/32'],
  ['FD00:0::/64', 'fd00::/64'],
  ['::1', '::1/128'],
  ['0.0.0.0/0', '0.0.0.0/0'],
] as const)
  test(`${text} is ${canonical}`, () => assert.equal(formatSubnet(parseSubnet(text)), canonical));

for (const text of [
  '10.0.0.1/24',
  '10.0.0.0/33',
  'fd00::/129',
  '10.0.0.0/',
  '10.0.0.0/08',
  '10.0.0/24',
  '10.0.0.0/24/1',
  'fd00::1%lo/128',
  '010.0.0.0/8',
  '',
]) {
  test(`${JSON.stringify(text)} is no subnet`, () => assert.throws(() => parseSubnet(text), { code: 'route.malformed' }));
}

test('contains agrees with comparing bits', () => {
  const bits = (bytes: Uint8Array) => [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  const bytes = fc.oneof(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.uint8Array({ minLength: 16, maxLength: 16 }));
  fc.assert(
    fc.property(bytes, bytes, fc.nat(128), (base, address, prefix) => {
      const length = Math.min(prefix, base.length * 8);
      const naive = base.length === address.length && bits(base).slice(0, length) === bits(address).slice(0, length);
      assert.equal(contains(makeSubnet(base, length), address), naive);
    }),
  );
});

test('addresses survive a round trip', () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
      const bytes = parseAddress(text);
      if (bytes !== undefined) assert.deepEqual(parseAddress(formatAddress(bytes)), bytes);
    }),
  );
});

test('covers', () => {
  assert.ok(covers(parseSubnet('10.0.0.0/8'), parseSubnet('10.1.0.0/16')));
  assert.ok(!covers(parseSubnet('10.1.0.0/16'), parseSubnet('10.0.0.0/8')));
  assert.ok(!covers(parseSubnet('::/0'), parseSubnet('10.0.0.0/8')));
});

for (const [allowed, wanted, verdict] of [
  ['*.corp.example', 'db.corp.example', true],
  ['*.corp.example', '*.eu.corp.example', true],
  ['*.corp.example', 'corp.example', false],
  ['db.corp.example', '*.corp.example', false],
  ['10.0.0.0/8', '10.2.0.0/16', true],
  ['10.0.0.0/8', 'db.corp.example', false],
] as const)
  test(`${allowed} ${verdict ? 'allows' : 'does not allow'} ${wanted}`, () => assert.equal(allows(parseRoute(allowed), parseRoute(wanted)), verdict));

for (const text of ['*.', '*', '*.*.example', 'a..b', 'foo*.example', 'bücher.example', 'a b', 'example.']) {
  test(`${JSON.stringify(text)} is no route`, () => assert.throws(() => parseRoute(text), { code: 'route.malformed' }));
}
