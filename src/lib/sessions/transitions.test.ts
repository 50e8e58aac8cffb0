import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { endsOf, type SessionEffect, type SessionEvent, type SessionState, step } from './transitions.ts';

const MINUTE = 60_000;
const rules = { idleMs: 15 * MINUTE, longestMs: null, keptMs: null, warningMs: MINUTE };
const opening: SessionState = { phase: 'opening' };
const BYTES = { kind: 'active', keptMs: null } as const;

/** Time goes on by what the session itself asks for; what its operator does comes in between: bytes, or asking to keep it. */
function live(
  activity: readonly number[],
  longestMs: number | null,
  until: number,
  { kind, keptMs }: { kind: 'active' | 'kept'; keptMs: number | null } = BYTES,
): string[] {
  let { state, effects } = step(opening, { kind: 'opened', at: 0, rules: { ...rules, longestMs, keptMs } });
  const waiting = [...activity].sort((a, b) => a - b);
  const told: string[] = [];
  let wake = Number.POSITIVE_INFINITY;
  for (let now = 0; now <= until; ) {
    for (const effect of effects) {
      if (effect.kind === 'wake') wake = effect.at;
      else told.push(effect.kind === 'warn' ? `${now / MINUTE} warn ${effect.reason} ${effect.endsInMs / MINUTE}` : `${now / MINUTE} finish ${effect.reason}`);
    }
    if (state.phase !== 'live') return told;
    const next = waiting[0] ?? Number.POSITIVE_INFINITY;
    now = Math.min(next, wake);
    const event: SessionEvent = next <= wake ? { kind, at: next } : { kind: 'due', at: wake };
    if (next <= wake) waiting.shift();
    ({ state, effects } = step(state, event));
  }
  return told;
}

test('idle: warned a minute before, ended at fifteen minutes, counted from what the operator did last', () => {
  assert.deepEqual(live([], null, 100 * MINUTE), ['14 warn idle 1', '15 finish idle']);
  assert.deepEqual(live([10 * MINUTE, 24.5 * MINUTE], null, 100 * MINUTE), ['24 warn idle 1', '38.5 warn idle 1', '39.5 finish idle']);
});

test('too long: warned once and ended whatever the operator does; idle comes first where it is sooner', () => {
  const busy = Array.from({ length: 200 }, (_, minute) => minute * MINUTE);
  assert.deepEqual(live(busy, 60 * MINUTE, 300 * MINUTE), ['59 warn too-long 1', '60 finish too-long']);
  assert.deepEqual(live([], 60 * MINUTE, 300 * MINUTE), ['14 warn idle 1', '15 finish idle']);
  assert.deepEqual(live([], 15.5 * MINUTE, 300 * MINUTE), ['14 warn idle 1', '14.5 warn too-long 1', '15 finish idle']);
});

test('kept: where policy allows it the length counts from when its operator asked last, bytes do not; a length of the gateway itself stays', () => {
  const every50 = [50, 100, 150].map((minute) => minute * MINUTE);
  const busy = Array.from({ length: 60 }, (_, index) => index * 5 * MINUTE);
  const short = { ...rules, idleMs: 1000 * MINUTE };
  assert.deepEqual(live(busy, null, 300 * MINUTE, { kind: 'active', keptMs: 60 * MINUTE }), ['59 warn too-long 1', '60 finish too-long']);
  assert.deepEqual(live(busy, null, 290 * MINUTE, { kind: 'kept', keptMs: 60 * MINUTE }), []);
  assert.deepEqual(live(busy, 90 * MINUTE, 300 * MINUTE, { kind: 'kept', keptMs: 60 * MINUTE }), ['89 warn too-long 1', '90 finish too-long']);
  assert.deepEqual(live(busy, 60 * MINUTE, 300 * MINUTE, { kind: 'kept', keptMs: null }), ['59 warn too-long 1', '60 finish too-long']);
  let { state } = step(opening, { kind: 'opened', at: 0, rules: { ...short, keptMs: 60 * MINUTE } });
  for (const at of every50) ({ state } = step(state, { kind: 'kept', at }));
  assert.deepEqual(endsOf(state), { idleAt: 1150 * MINUTE, longestAt: 210 * MINUTE });
});

test('a warning says whether keeping it would help; of a short length it comes after half of it, each time it was kept', () => {
  const minute = { ...rules, keptMs: MINUTE };
  const opened = step(opening, { kind: 'opened', at: 0, rules: minute });
  assert.deepEqual(opened.effects, [{ kind: 'wake', at: MINUTE / 2 }]);
  const warned = step(opened.state, { kind: 'due', at: MINUTE / 2 });
  assert.deepEqual(warned.effects.at(-1), { kind: 'warn', reason: 'too-long', endsInMs: MINUTE / 2, avoidable: true });
  const kept = step(warned.state, { kind: 'kept', at: MINUTE / 2 });
  assert.deepEqual(kept.effects, [{ kind: 'wake', at: MINUTE }]);
  const again = step(kept.state, { kind: 'due', at: MINUTE });
  assert.deepEqual(again.effects.at(-1), { kind: 'warn', reason: 'too-long', endsInMs: MINUTE / 2, avoidable: true });
});

test('a length that policy changes holds from its beginning', () => {
  const { state } = step(opening, { kind: 'opened', at: 0, rules });
  assert.deepEqual(step(state, { kind: 'ruled', at: 5 * MINUTE, length: { longestMs: 5 * MINUTE, keptMs: null } }).effects, [
    { kind: 'finish', reason: 'too-long' },
  ]);
  const longer = step(state, { kind: 'ruled', at: 5 * MINUTE, length: { longestMs: 6 * MINUTE, keptMs: null } }).effects;
  assert.deepEqual(longer, [
    { kind: 'wake', at: 6 * MINUTE },
    { kind: 'warn', reason: 'too-long', endsInMs: MINUTE, avoidable: false },
  ]);
});

test('whatever comes in whatever order, it finishes at most once, never comes back to life, and an ended one asks for nothing', () => {
  const at = fc.integer({ min: 0, max: 120 * MINUTE });
  const event: fc.Arbitrary<SessionEvent> = fc.oneof(
    fc.record({ kind: fc.constant('opened' as const), at, rules: fc.constant({ ...rules, longestMs: 30 * MINUTE }) }),
    fc.record({ kind: fc.constantFrom('active' as const, 'kept' as const), at }),
    fc.record({ kind: fc.constant('due' as const), at }),
    fc.record({ kind: fc.constant('end' as const), reason: fc.constantFrom('operator-closed' as const, 'agent-lost' as const) }),
    fc.record({ kind: fc.constant('written' as const) }),
  );
  const ORDER = ['opening', 'live', 'ending', 'ended'];
  fc.assert(
    fc.property(fc.array(event, { maxLength: 30 }), (events) => {
      let state: SessionState = opening;
      const effects: SessionEffect[] = [];
      for (const next of events) {
        const before = state.phase;
        const made = step(state, next);
        assert.ok(ORDER.indexOf(made.state.phase) >= ORDER.indexOf(before));
        if (before === 'ending' || before === 'ended') assert.deepEqual(made.effects, []);
        effects.push(...made.effects);
        state = made.state;
      }
      assert.ok(effects.filter(({ kind }) => kind === 'finish').length <= 1);
    }),
  );
});
