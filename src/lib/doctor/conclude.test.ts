// From steps to the sentence, as a table: the first failure on the way, or what explains it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ErrorCode } from '../base/errors.ts';
import { conclude } from './conclude.ts';
import type { Owner, Step, StepName, StepState } from './step.ts';

const step = (name: StepName, state: StepState, code: ErrorCode | null = null, owner: Owner = 'network'): Step => ({
  name,
  owner,
  state,
  ms: 1,
  code,
  message: `what ${name} found.`,
  hint: `do something about ${name}`,
  detail: {},
});

const failed = (name: StepName, code: ErrorCode) => step(name, 'failed', code);
const fine = step('gateway-dns', 'ok');

for (const [what, steps, ok, named] of [
  ['nothing', [], true, null],
  ['all well, some skipped', [fine, step('udp', 'skipped')], true, null],
  ['a warning', [fine, step('udp', 'warning', 'udp.blocked')], true, 'udp'],
  ['the first failure on the way', [fine, failed('gateway-tcp', 'gateway.unreachable'), failed('route', 'route.none')], false, 'gateway-tcp'],
  ['a failure after a warning', [step('versions', 'warning'), failed('policy', 'policy.denied')], false, 'policy'],
  ['a wrong clock alone', [failed('clock', 'clock.wrong'), fine], false, 'clock'],
  ['a wrong clock explains a certificate', [failed('clock', 'clock.wrong'), failed('gateway-tls', 'certificate.refused')], false, 'clock'],
  ['a wrong clock does not explain a policy', [failed('clock', 'clock.wrong'), failed('policy', 'policy.denied')], false, 'policy'],
  ['blocked UDP explains an agent that is not linked', [failed('udp', 'udp.blocked'), failed('agent-process', 'agent.offline')], false, 'udp'],
  ['UDP that nothing needs explains nothing', [step('udp', 'warning', 'udp.blocked'), failed('link', 'agent.offline')], false, 'link'],
  ['a full disk explains a gateway that does not run', [failed('disk', 'file.failed'), failed('gateway-process', 'gateway.unreachable')], false, 'disk'],
  [
    'an ended certificate explains an agent that is offline',
    [failed('certificate', 'certificate.expired'), failed('agent-process', 'agent.offline')],
    false,
    'certificate',
  ],
] as const) {
  test(what, () => {
    const verdict = conclude(steps);
    assert.deepEqual([verdict.ok, verdict.conclusion.step], [ok, named]);
    if (named !== null) assert.match(verdict.conclusion.message, new RegExp(`${named}.*what ${named} found\\.$`));
  });
}

test('the sentence says where, whose and what', () => {
  assert.deepEqual(conclude([step('target-tcp', 'failed', 'target.refused', 'target')]).conclusion, {
    step: 'target-tcp',
    owner: 'target',
    code: 'target.refused',
    message: 'It breaks at target-tcp, which is up to the target: what target-tcp found.',
    hint: 'do something about target-tcp',
  });
});
