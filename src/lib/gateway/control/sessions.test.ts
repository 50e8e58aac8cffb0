import assert from 'node:assert/strict';
import { test } from 'node:test';
import { controlStand } from '../../../../test/support/control-stand.ts';
import { ManualClock } from '../../../../test/support/manual-clock.ts';
import { LIMITS } from '../../base/limits.ts';
import { policyOf } from '../../policy/rules.ts';
import { verifyMaterial } from '../../tokens/session-material.ts';
import { publicKeys } from '../../tokens/signing-keys.ts';

const ports = [[22, 22]] as const;

test('material says who may do what, and is signed anew at half of its life and when ports change', async (t) => {
  const clock = new ManualClock(Date.now());
  const { control, world, ...stand } = await controlStand(t, { clock });
  const agent = { id: await stand.agent('web1'), name: 'web1', ports };
  const alice = await stand.operator('alice', null);
  const { sessions, keys } = control.context;
  const first = await sessions.lease(alice, agent);
  assert.deepEqual(await verifyMaterial(first.material, publicKeys(keys), { now: world.clock.now(), agentId: agent.id }), {
    sessionId: first.sessionId,
    operator: 'alice',
    agentId: agent.id,
    targets: ['*'],
    ports: ['22'],
    kinds: ['tcp'],
    expiresAt: Math.floor((world.clock.now() + LIMITS.sessionTokenMs) / 1000) * 1000,
  });
  await clock.advance(LIMITS.sessionTokenMs / 2 - 1);
  assert.deepEqual(await sessions.lease(alice, agent), first);
  await clock.advance(1);
  const renewed = await sessions.lease(alice, agent);
  assert.equal(renewed.sessionId, first.sessionId);
  assert.notEqual(renewed.material, first.material);
  const wider = await sessions.lease(alice, { ...agent, ports: [[1, 100]] });
  assert.notEqual(wider.material, renewed.material);
});

test('15 minutes without the operator end a session, with a warning before; leases and open sockets keep none, what the operator does keeps it', async (t) => {
  const clock = new ManualClock(Date.now());
  const { control, orders, ...stand } = await controlStand(t, { clock });
  const agent = { id: await stand.agent('web1'), name: 'web1', ports };
  const { sessions } = control.context;
  const alice = await stand.operator('alice', null);
  const idle = await sessions.lease(alice, agent);
  const busy = await sessions.lease(await stand.operator('bob', null), agent);
  sessions.channelOpened(idle.sessionId, 'c1', '10.0.0.5:22');
  const warning = 'tellOperators  idle the session on web1 ends in 60 s unless something is sent';
  for (const _third of [1, 2]) {
    await clock.advance(LIMITS.sessionIdleMs / 3);
    await sessions.lease(alice, agent);
    sessions.active(busy.sessionId);
  }
  assert.deepEqual(orders, []);
  await clock.advance(LIMITS.sessionIdleMs / 3 - LIMITS.idleWarningMs);
  assert.deepEqual(orders, [warning]);
  await clock.advance(LIMITS.idleWarningMs - 1);
  assert.ok(sessions.find(idle.sessionId));
  await clock.advance(1);
  assert.deepEqual(orders, [warning, `endSession ${idle.sessionId} idle`]);
  orders.length = 0;
  await clock.advance(LIMITS.sessionIdleMs / 3 + LIMITS.sessionIdleMs / 3 - LIMITS.idleWarningMs);
  assert.deepEqual(orders, [warning]);
  sessions.active(busy.sessionId);
  await clock.advance(LIMITS.sessionIdleMs - LIMITS.idleWarningMs);
  assert.deepEqual(orders, [warning, warning]);
  await clock.advance(LIMITS.idleWarningMs);
  assert.deepEqual(orders.at(-1), `endSession ${busy.sessionId} idle`);
  assert.equal(sessions.find(busy.sessionId), undefined);
});

test('the next session waits for the end of the last one', async (t) => {
  const { control, store, ...stand } = await controlStand(t);
  const agent = { id: await stand.agent('web1'), name: 'web1', ports };
  const alice = await stand.operator('alice', null);
  const { sessions } = control.context;
  const first = await sessions.lease(alice, agent);
  const [, second] = await Promise.all([sessions.end(first.sessionId, 'operator-closed'), sessions.lease(alice, agent)]);
  assert.notEqual(second.sessionId, first.sessionId);
  assert.deepEqual(
    (await store.sessions.listLive()).map(({ id }) => id),
    [second.sessionId],
  );
  assert.deepEqual(await stand.audited(), ['session.opened', 'session.ended', 'session.opened']);
});

test('limits for an operator and for an agent; what has ended makes room', async (t) => {
  const { control, ...stand } = await controlStand(t);
  const { sessions } = control.context;
  const alice = await stand.operator('alice', null);
  const agents = await Promise.all(
    Array.from({ length: LIMITS.sessionsPerOperator + 1 }, async (_, index) => ({
      id: await stand.agent(`a${index}`, { offline: true }),
      name: `a${index}`,
      ports,
    })),
  );
  const last = agents.pop();
  assert.ok(last);
  const leases = await Promise.all(agents.map((agent) => sessions.lease(alice, agent)));
  await assert.rejects(sessions.lease(alice, last), { code: 'limit.reached' });
  await sessions.end(leases[0]?.sessionId ?? '', 'operator-closed');
  await sessions.lease(alice, last);
});

test('max_length of the policy: keeping a session lengthens it where each limiting rule is extendable, and not beyond', async (t) => {
  const clock = new ManualClock(Date.now());
  const { control, orders, ...stand } = await controlStand(t, { clock });
  const { policy, sessions } = control.context;
  const rule = { agents: ['*'], max_length: '20m' };
  const allow = [
    { ...rule, operators: ['alice'], extendable: true },
    { ...rule, operators: ['bob'] },
  ];
  policy.take(policyOf({ version: 1, allow }, 1));
  const agent = { id: await stand.agent('web1'), name: 'web1', ports };
  const [alice, bob] = [await sessions.lease(await stand.operator('alice', null), agent), await sessions.lease(await stand.operator('bob', null), agent)];
  for (const _each of [1, 2]) {
    await clock.advance(10 * 60_000 - 1);
    for (const { sessionId } of [alice, bob]) sessions.kept(sessionId);
  }
  assert.deepEqual(orders, ['tellOperators  too-long the session on web1 ends in 60 s because it may not last longer']);
  await clock.advance(2);
  assert.deepEqual([sessions.find(bob.sessionId), orders.at(-1)], [undefined, `endSession ${bob.sessionId} too-long`]);
  await clock.advance(14 * 60_000);
  sessions.active(alice.sessionId);
  await clock.advance(5 * 60_000);
  assert.equal(orders.at(-1), 'tellOperators  too-long the session on web1 ends in 60 s unless it is kept (--keep-alive)');
  await clock.advance(60_000);
  assert.equal(orders.at(-1), `endSession ${alice.sessionId} too-long`);
});
