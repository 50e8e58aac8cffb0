import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseName } from '../base/ids.ts';
import { enrolledName, LONGEST_SHARED_NAME, mayEnrolFrom } from './enrolment.ts';

for (const [sources, source, may] of [
  [null, '192.0.2.1', true],
  [null, 'local', true],
  [['192.0.2.0/24'], '192.0.2.255', true],
  [['192.0.2.0/24'], '192.0.3.0', false],
  [['192.0.2.0/24'], '::ffff:192.0.2.1', true],
  [['10.0.0.0/8', '2001:db8::/32'], '2001:db8::7', true],
  [['fe80::/10'], 'fe80::1%eth0', true],
  [['0.0.0.0/0'], '::1', false],
  [['0.0.0.0/0', '::/0'], 'local', false],
  [[], '192.0.2.1', false],
] as const)
  test(`from ${source} where ${sources?.join() ?? 'anything'} may: ${may}`, () => assert.equal(mayEnrolFrom(sources, source), may));

test('one agent takes the name as it is, several take their ids behind it, longer where the short one is taken', () => {
  const id = '3f9a2b1c-04de-4fff-8000-000000000000';
  assert.equal(
    enrolledName({ name: 'web', maxUses: 1 }, id, () => true),
    'web',
  );
  assert.equal(
    enrolledName({ name: 'web', maxUses: 2 }, id, () => false),
    'web-3f9a2b1c',
  );
  const long = enrolledName({ name: 'w'.repeat(LONGEST_SHARED_NAME), maxUses: 2 }, id, (name) => name.endsWith('-3f9a2b1c'));
  assert.ok(long.endsWith('-3f9a2b1c04de4fff'));
  assert.equal(parseName(long), long);
});
