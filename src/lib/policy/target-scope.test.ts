import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatTarget, parseTarget } from '../routing/target.ts';
import { coversTargets, formatTargetScope, mayReachTarget, parseTargetScope } from './target-scope.ts';

for (const [text, canonical] of [
  ['10.0.0.0/24:22', '10.0.0.0/24:22'],
  ['10.0.0.5/32:22-22', '10.0.0.5:22'],
  ['10.0.0.5:22', '10.0.0.5:22'],
  ['[FD00::0/64]:1-1024', '[fd00::/64]:1-1024'],
  ['[fd00::7/128]:22', '[fd00::7]:22'],
  ['*.Corp.Example:443', '*.corp.example:443'],
  ['DB.corp.example:5432', 'db.corp.example:5432'],
] as const)
  test(`${text} is ${canonical}`, () => assert.equal(formatTargetScope(parseTargetScope(text)), canonical));

for (const bad of [
  '',
  ':',
  '10.0.0.0/24',
  '10.0.0.0/24:',
  '10.0.0.1/24:22',
  '10.0.0.0/33:22',
  'fd00::/64:22',
  '[10.0.0.0/8]:22',
  '[db.example]:22',
  '*:',
  '[*]:22',
  'a.*.b:22',
  'db:22,23',
  'db:0',
  'db:70000',
  'db:http',
  '[]:22',
  'x\u001b:22',
])
  test(`${JSON.stringify(bad)} is no scope`, () =>
    assert.throws(() => parseTargetScope(bad, '--targets'), { code: 'target.malformed', message: /^--targets/ }));

for (const [scopes, target, may] of [
  [null, '10.0.0.5:22', true],
  [[], '10.0.0.5:22', false],
  [['10.0.0.0/24:22'], '10.0.0.5:22', true],
  [['10.0.0.0/24:22'], '10.0.0.5:23', false],
  [['10.0.0.0/24:22'], '10.0.1.5:22', false],
  [['10.0.0.0/24:22'], '[::ffff:10.0.0.5]:22', true],
  [['0.0.0.0/0:1-65535', '[::/0]:1-65535'], 'db.corp.example:22', false],
  [['*.corp.example:443'], 'db.corp.example:443', true],
  [['*.corp.example:443'], 'corp.example:443', false],
  [['*.corp.example:443'], 'db.corp.example.evil.example:443', false],
  [['db.corp.example:1-100', 'db.corp.example:200-300'], 'DB.corp.example:250', true],
  [['db.corp.example:1-100', 'db.corp.example:200-300'], 'db.corp.example:150', false],
  [['[fd00::/64]:22'], '[fd00::7]:22', true],
  [['[fd00::/64]:22'], '[fd00:0:0:1::7]:22', false],
] as const)
  test(`${target} by ${scopes?.join(' ') ?? 'all'}: ${may}`, () => assert.equal(mayReachTarget(scopes, parseTarget(target)), may));

const octet = fc.integer({ min: 0, max: 255 });
const address = fc.tuple(octet, octet, octet, octet).map((parts) => parts.join('.'));
const port = fc.integer({ min: 1, max: 65535 });
test('a canonical target is a scope of itself alone', () => {
  fc.assert(
    fc.property(address, port, address, port, (host, at, otherHost, otherAt) => {
      const text = formatTarget(parseTarget(`${host}:${at}`));
      assert.equal(formatTargetScope(parseTargetScope(text)), text);
      assert.ok(mayReachTarget([text], parseTarget(text)));
      assert.equal(mayReachTarget([text], parseTarget(`${otherHost}:${otherAt}`)), host === otherHost && at === otherAt);
    }),
  );
});

test('one scope covers another by hosts and by ports', () => {
  const covers = (outer: string, inner: string) => coversTargets(parseTargetScope(outer), parseTargetScope(inner));
  assert.ok(covers('10.0.0.0/8:1-1024', '10.0.0.0/24:22'));
  assert.ok(!covers('10.0.0.0/24:22', '10.0.0.0/8:22'));
  assert.ok(!covers('10.0.0.0/8:22', '10.0.0.0/24:22-23'));
  assert.ok(covers('*.corp.example:443', '*.eu.corp.example:443'));
  assert.ok(!covers('0.0.0.0/0:443', 'db.example:443'));
});
