import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../../../../test/support/manual-clock.ts';
import { LIMITS } from '../../base/limits.ts';
import { Activity } from './activity.ts';

function stand() {
  const clock = new ManualClock();
  const reported: string[] = [];
  const activity = new Activity(({ channelId }) => reported.push(channelId), clock);
  const watch = (channelId: string, sessionId: string) => {
    const carried = { aToB: 0, bToA: 0 };
    return { carried, watched: activity.watch({ channelId, sessionId }, carried) };
  };
  return { clock, reported, watch };
}

test("an operator's bytes are activity, once for each session and time; a target's are not", async () => {
  const { clock, reported, watch } = stand();
  const [first, second, other] = [watch('c1', 's1'), watch('c2', 's1'), watch('c3', 's2')];
  first.carried.aToB = 10;
  second.carried.aToB = 1;
  other.carried.bToA = 1_000_000;
  await clock.advance(LIMITS.activityReportMs);
  assert.deepEqual(reported, ['c1']);
  await clock.advance(LIMITS.activityReportMs * 3);
  assert.deepEqual(reported, ['c1']);
  other.carried.aToB = 1;
  await clock.advance(LIMITS.activityReportMs);
  assert.deepEqual(reported, ['c1', 'c3']);
});

test('what passed since the last look is told at the end, and without channels no timer runs', async () => {
  const { clock, reported, watch } = stand();
  const [short, silent] = [watch('c1', 's1'), watch('c2', 's2')];
  short.carried.aToB = 1;
  short.watched[Symbol.dispose]();
  silent.watched[Symbol.dispose]();
  assert.deepEqual(reported, ['c1']);
  assert.equal(clock.pending, 0);
});
