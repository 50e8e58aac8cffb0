// The operator's token on a clock that stands still: when it is to be renewed, and what --wait tries again.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { quietWorld } from '../../../test/support/quiet-world.ts';
import type { SessionGrant, SessionRequest } from '../api/contract.ts';
import { TunnelError } from '../base/errors.ts';
import { OperatorSession } from './session.ts';
import { tryFor } from './try-for.ts';

const MINUTE = 60_000;

function setUp() {
  const world = quietWorld();
  const outcomes: (TunnelError | undefined)[] = [];
  let asked = 0;
  const requests: SessionRequest[] = [];
  const openSession = async (request: SessionRequest): Promise<SessionGrant> => {
    requests.push(request);
    asked += 1;
    const failure = outcomes.shift();
    if (failure) throw failure;
    const expires = new Date(world.clock.now() + 5 * MINUTE).toISOString();
    return { token: `token ${asked}`, expires_at: expires, connect: 'gw:1', proxy: null, ca_pem: '', idle_seconds: 900, targets: [], refused: [] };
  };
  return { world, requests, outcomes, api: { openSession }, asked: () => asked };
}

test('to be renewed with time to spare, whatever the clocks say of each other', async (t) => {
  const { world, api, requests } = setUp();
  const session = await OperatorSession.open(api, { targets: ['a:1'] }, world, t.signal);
  assert.equal(session.renewAt, 3 * MINUTE);
  await world.clock.advance(3 * MINUTE);
  await session.renew(t.signal);
  assert.deepEqual([session.grant.token, session.renewAt], ['token 2', 6 * MINUTE]);
  assert.deepEqual(requests, [{ targets: ['a:1'] }, { targets: ['a:1'], renewal: true }]);
});

test('a renewal that failed is put off, longer each time, until one succeeds', async (t) => {
  const { world, outcomes, api } = setUp();
  const session = await OperatorSession.open(api, { targets: ['a:1'] }, world, t.signal);
  outcomes.push(new TunnelError('gateway.unreachable', 'away'));
  await assert.rejects(session.renew(t.signal), { code: 'gateway.unreachable' });
  session.postpone();
  assert.ok(session.renewAt > 0 && session.renewAt < 2000, `${session.renewAt}`);
  assert.equal(session.grant.token, 'token 1');
  await session.renew(t.signal);
  assert.equal(session.renewAt, 3 * MINUTE);
});

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
