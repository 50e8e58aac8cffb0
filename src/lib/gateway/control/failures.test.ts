// What counts as an agent's failure, for what, and for how long.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../../base/limits.ts';
import { RecentFailures } from './failures.ts';

test('a target that an agent cannot do is remembered for that target, its own trouble for all, and neither for long', () => {
  const failures = new RecentFailures();
  const at = (agent: string, target: string, now = 0) => failures.at(now)(agent, target);
  failures.failed('a', 't:1', 'target.refused', 0);
  failures.failed('b', 't:1', 'agent.silent', 0);
  assert.deepEqual([at('a', 't:1'), at('a', 't:2'), at('b', 't:1'), at('b', 't:2')], ['target.refused', null, 'agent.silent', 'agent.silent']);
  assert.deepEqual([at('a', 't:1', LIMITS.failedLatelyMs - 1), at('a', 't:1', LIMITS.failedLatelyMs)], ['target.refused', null]);
  failures.succeeded('b', 't:9');
  assert.equal(at('b', 't:1'), null);
});

test('what is no fault of the agent changes nothing, and memory has a bound', () => {
  const failures = new RecentFailures();
  for (const code of ['policy.denied', 'interrupted', 'session.refused', 'target.malformed'] as const) failures.failed('a', 't:1', code, 0);
  assert.equal(failures.at(0)('a', 't:1'), null);
  for (let port = 0; port < 10_000; port += 1) failures.failed('a', `t:${port}`, 'target.refused', 0);
  assert.deepEqual([failures.at(0)('a', 't:0'), failures.at(0)('a', 't:9999')], [null, 'target.refused']);
});
