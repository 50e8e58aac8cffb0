// Two processes with one identity raise an alarm; one that moves, roams or restarts does not.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../../base/limits.ts';
import { isFlapping, judgeNewcomer, NO_RIVALRY } from './flapping.ts';

/** Who comes when, in seconds; each that is welcome holds the agent from then on. Gives what was said to each. */
function say(arrivals: readonly (readonly [at: number, by: string])[]): string {
  let [rivalry, holder] = [NO_RIVALRY, undefined as string | undefined];
  return arrivals
    .map(([at, by]) => {
      const judged = judgeNewcomer(rivalry, by, holder, at * 1000);
      rivalry = judged.rivalry;
      if (judged.welcome) holder = by;
      return judged.welcome ? '+' : judged.raised ? '!' : '-';
    })
    .join('');
}
const every = (seconds: number, parties: readonly string[]) => parties.map((by, index) => [index * seconds, by] as const);
const alternating = (count: number) => Array.from({ length: count }, (_, index) => (index % 2 === 0 ? 'a' : 'b'));

for (const [what, arrivals, said] of [
  ['one process that links a hundred times', every(0.1, Array(100).fill('a')), '+'.repeat(100)],
  [
    'fifty restarts, each a process of its own',
    every(
      0.1,
      Array.from({ length: 50 }, (_, index) => `p${index}`),
    ),
    '+'.repeat(50),
  ],
  ['an identity that moved to another machine', every(1, ['a', 'a', 'b', 'b']), '++++'],
  ['two that alternate', every(1, alternating(8)), '+++++!+-'],
  ['three that take turns', every(1, ['a', 'b', 'c', 'a', 'b', 'c', 'a', 'b']), '++++++!-'],
  ['two that alternate slowly', every(25, alternating(12)), '+'.repeat(12)],
  ['the holder itself moves meanwhile', [...every(1, alternating(6)), [6, 'a'], [7, 'b'], [8, 'a'], [9, 'b']] as const, '+++++!+-+-'],
  ['who knocks on is held off on', [...every(1, alternating(6)), [100, 'b'], [200, 'b'], [300, 'b']] as const, '+++++!---'],
  ['who keeps away may come back', [...every(1, alternating(6)), [5 + LIMITS.flappingHoldMs / 1000, 'b']] as const, '+++++!+'],
] as const)
  test(what, () => assert.equal(say(arrivals), said));

test('a holder that is gone holds nothing off, and the alarm lasts as long as the hold', () => {
  const rivalry = { takeovers: [], heldUntil: 1000 };
  assert.equal(judgeNewcomer(rivalry, 'b', undefined, 10).welcome, true);
  assert.equal(judgeNewcomer(rivalry, 'b', 'a', 10).welcome, false);
  assert.deepEqual([isFlapping(rivalry, 999), isFlapping(rivalry, 1000)], [true, false]);
});

test('what is remembered stays small', () => {
  let rivalry = NO_RIVALRY;
  for (let index = 0; index < 5000; index += 1) rivalry = judgeNewcomer(rivalry, `p${index}`, `p${index - 1}`, index).rivalry;
  assert.ok(rivalry.takeovers.length <= 64, `${rivalry.takeovers.length} takeovers`);
});
