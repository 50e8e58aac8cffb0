import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../../../../test/support/manual-clock.ts';
import { TunnelError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { answerTo, Calls } from './calls.ts';
import type { Call } from './messages.ts';

function calls() {
  const clock = new ManualClock();
  const sent: Call<'ask'>[] = [];
  return { clock, sent, calls: new Calls<'ask'>((call) => sent.push(call), clock) };
}

test('each call gets its own answer, whatever their order', async () => {
  const { calls: asking, sent } = calls();
  const answers = [asking.ask('ask', ['a']), asking.ask('ask', ['b'])];
  for (const { id, arguments: args } of sent.toReversed()) asking.settle({ kind: 'done', id, value: args[0] });
  assert.deepEqual(await Promise.all(answers), ['a', 'b']);
});

test('an error keeps its code, message and hint; what is no TunnelError stays on its side', async () => {
  const { calls: asking, sent } = calls();
  const logged: unknown[] = [];
  const bug = new TypeError('a secret of control');
  for (const [thrown, expected] of [
    [new TunnelError('port.in-use', 'taken', { hint: 'another' }), { code: 'port.in-use', message: 'taken', hint: 'another' }],
    [bug, { code: 'internal', message: 'the gateway failed' }],
  ] as const) {
    const asked = asking.ask('ask', []);
    const fail = () => Promise.reject(thrown);
    asking.settle(await answerTo(sent.at(-1)?.id ?? 0, fail, (error) => logged.push(error)));
    await assert.rejects(asked, expected);
  }
  assert.deepEqual(logged, [bug]);
});

test('no answer within the deadline, or ever', async () => {
  const { calls: asking, clock, sent } = calls();
  const late = asking.ask('ask', [], 100);
  const lost = asking.ask('ask', []);
  const rejected = assert.rejects(late, { code: 'timeout' });
  await clock.advance(100);
  await rejected;
  asking.settle({ kind: 'done', id: sent[0]?.id ?? 0, value: 'too late' });
  asking.end(new TunnelError('internal', 'gone'));
  await assert.rejects(lost, { code: 'internal' });
  await assert.rejects(asking.ask('ask', []), { code: 'internal' });
});

test('only so many wait at once', async () => {
  const { calls: asking } = calls();
  const waiting = Array.from({ length: LIMITS.edgeCallsWaiting }, () => asking.ask('ask', []));
  await assert.rejects(asking.ask('ask', []), { code: 'limit.reached' });
  asking.end(new TunnelError('internal', 'gone'));
  const settled = await Promise.allSettled(waiting);
  assert.ok(settled.every(({ status }) => status === 'rejected'));
});
