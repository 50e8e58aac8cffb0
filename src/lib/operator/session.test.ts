// The operator's lease on a clock that stands still: when it is renewed, what is tried again, what ends it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { quietWorld } from '../../../test/support/quiet-world.ts';
import type { SessionGrant } from '../api/contract.ts';
import { TunnelError } from '../base/errors.ts';
import { OperatorSession } from './session.ts';
import { tryFor } from './try-for.ts';

const MINUTE = 60_000;

function setUp() {
  const world = quietWorld();
  const outcomes: (TunnelError | undefined)[] = [];
  let asked = 0;
  const openSession = async (): Promise<SessionGrant> => {
    asked += 1;
    const failure = outcomes.shift();
    if (failure) throw failure;
    const expires = new Date(world.clock.now() + 5 * MINUTE).toISOString();
    return { token: `token ${asked}`, expires_at: expires, connect: 'gw:1', proxy: null, ca_pem: '', idle_seconds: 900, targets: [] };
  };
  return { world, outcomes, api: { openSession }, asked: () => asked };
}

test('renewed with time to spare, again and again', async (t) => {
  const { world, api, asked } = setUp();
  const session = await OperatorSession.open(api, { targets: ['a:1'] }, world, t.signal);
  const ending = new AbortController();
  const kept = session.keepRenewed(ending.signal);
  await world.clock.advance(3 * MINUTE - 1);
  assert.deepEqual([asked(), session.grant.token], [1, 'token 1']);
  await world.clock.advance(1);
  assert.deepEqual([asked(), session.grant.token], [2, 'token 2']);
  await world.clock.advance(3 * MINUTE);
  assert.equal(session.grant.token, 'token 3');
  ending.abort();
  await kept;
  assert.equal(world.clock.pending, 0);
});

test('a gateway that is away is tried again and changes nothing', async (t) => {
  const { world, outcomes, api } = setUp();
  const session = await OperatorSession.open(api, { targets: ['a:1'] }, world, t.signal);
  const ending = new AbortController();
  const kept = session.keepRenewed(ending.signal);
  outcomes.push(new TunnelError('gateway.unreachable', 'away'), new TunnelError('agent.offline', 'not back yet'), new TunnelError('route.none', 'nor yet'));
  await world.clock.advance(3 * MINUTE + 20_000);
  assert.equal(session.grant.token, 'token 5');
  ending.abort();
  await kept;
});

for (const code of ['login.refused', 'policy.denied'] as const) {
  test(`${code} ends it`, async (t) => {
    const { world, outcomes, api } = setUp();
    const session = await OperatorSession.open(api, { targets: ['a:1'] }, world, t.signal);
    const kept = assert.rejects(session.keepRenewed(t.signal), { code });
    outcomes.push(new TunnelError(code, 'no more'));
    await world.clock.advance(3 * MINUTE);
    await kept;
  });
}

test('callers at the same time share one renewal', async (t) => {
  const { world, api, asked } = setUp();
  const session = await OperatorSession.open(api, { targets: ['a:1'] }, world, t.signal);
  await Promise.all([session.renew(t.signal), session.renew(t.signal)]);
  assert.equal(asked(), 2);
});

test('--wait tries again until it is there, and gives the last failure when it is not', async (t) => {
  const { clock } = quietWorld();
  let left = 3;
  const attempt = async () => {
    if (left-- > 0) throw new TunnelError('agent.offline', `not yet ${left}`);
    return 'there';
  };
  const waiting = tryFor(1000, attempt, clock, t.signal);
  await clock.timerSet();
  await clock.advance(1000);
  assert.equal(await waiting, 'there');
  left = 100;
  const failing = assert.rejects(tryFor(1000, attempt, clock, t.signal), { code: 'agent.offline' });
  await clock.timerSet();
  await clock.advance(1000);
  await failing;
  await assert.rejects(tryFor(0, attempt, clock, t.signal), { code: 'agent.offline' });
  const denied = async () => {
    throw new TunnelError('policy.denied', 'no');
  };
  await assert.rejects(tryFor(1000, denied, clock, t.signal), { code: 'policy.denied' });
});
