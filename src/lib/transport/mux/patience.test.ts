// How long a link bears with its peer, as a table.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Heard, Patience } from './patience.ts';

const LIVENESS = { keepAliveMs: 3000, deadLinkMs: 10_000 };
const fine: Heard = { heardAt: 0, unfinished: undefined, greeted: true };

for (const [what, now, heard, verdict] of [
  ['just heard', 0, fine, { kind: 'alive', ping: false, lookAgainMs: 3000 }],
  ['heard since the last look', 3000, { ...fine, heardAt: 100 }, { kind: 'alive', ping: false, lookAgainMs: 100 }],
  ['silent for a while', 3000, fine, { kind: 'alive', ping: true, lookAgainMs: 3000 }],
  ['silent for long', 8000, fine, { kind: 'alive', ping: true, lookAgainMs: 2000 }],
  ['silent for too long', 10_000, fine, { kind: 'silent' }],
  ['not greeted yet', 3000, { ...fine, heardAt: 2500, greeted: false }, { kind: 'alive', ping: false, lookAgainMs: 2000 }],
  ['never greeted', 5000, { ...fine, heardAt: 4999, greeted: false }, { kind: 'violation', what: 'no settings within 5000 ms' }],
] as const) {
  test(what, () => assert.deepEqual(new Patience(LIVENESS, 0).judge(now, heard), verdict));
}

test('the same frame, a byte now and then, for 10 s is a violation; always another frame is not', () => {
  const [slow, busy] = [new Patience(LIVENESS, 0), new Patience(LIVENESS, 0)];
  for (let now = 0; now < 10_000; now += 1000) {
    assert.equal(slow.judge(now, { ...fine, heardAt: now, unfinished: 7 }).kind, 'alive');
    assert.equal(busy.judge(now, { ...fine, heardAt: now, unfinished: now }).kind, 'alive');
  }
  assert.deepEqual(slow.judge(10_000, { ...fine, heardAt: 10_000, unfinished: 7 }), {
    kind: 'violation',
    what: 'a frame that was not complete after 10000 ms',
  });
  assert.equal(busy.judge(10_000, { ...fine, heardAt: 10_000, unfinished: 10_000 }).kind, 'alive');
});
