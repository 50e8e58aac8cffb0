// Locks and revocation on the real store: what is cut, what is refused afterwards, and that nothing slips in between.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { controlStand } from '../../../../test/support/control-stand.ts';
import { LIMITS } from '../../base/limits.ts';
import type { Operator } from '../../store/operators.ts';
import { revokeAgent } from './agents.ts';
import { LOCAL_ADMIN } from './caller.ts';
import { closeSession, getSession, listSessions } from './list-sessions.ts';
import { lock, unlock } from './locks.ts';
import { deleteOperator, listOperators } from './operators.ts';

const remote = { address: '192.0.2.9', port: 9 };
const TARGET = '10.0.0.5:22';

async function stand(t: TestContext) {
  const made = await controlStand(t);
  const { control } = made;
  const agentId = await made.agent('web1');
  const alice = await made.operator('alice', null);
  const token = await made.token(alice, ['*']);
  const ask = (sessionToken = token) => control.forEdge.authorise({ sessionToken, target: TARGET, remote, connection: 'c1' });
  /** A session with one open channel. */
  const open = async () => {
    const plan = await ask();
    const sessionId = plan.ways[0]?.session.sessionId ?? '';
    await control.forEdge.report({ kind: 'opened', channelId: plan.channelId, sessionId, agent: 'web1', target: TARGET, address: null });
    return sessionId;
  };
  const caller = (operator: Operator) => ({ kind: operator.kind, operator, credentialHash: 'h', expiresAt: null });
  return { ...made, agentId, alice, ask, open, caller, context: control.context };
}

test('a locked agent: told, cut, not resolved, nothing opened, until unlock', async (t) => {
  const { context, store, orders, open, ask, ...made } = await stand(t);
  const sessionId = await open();
  const answer = await lock(context, LOCAL_ADMIN, 'agent', 'web1', 'stolen\u001b[31m');
  assert.deepEqual(answer.cut, { links: 1, sessions: 1, channels: 1 });
  assert.equal(answer.reason, 'stolen\\u001b[31m');
  assert.deepEqual(orders, [
    'tellOperators c1 agent-locked the session on web1 was ended: the agent was locked: stolen\\u001b[31m',
    `endSession ${sessionId} agent-locked`,
    'closeLink link-web1 this agent is locked',
  ]);
  assert.equal((await store.sessions.byId(sessionId))?.reason, 'agent-locked');
  await assert.rejects(ask(), { code: 'policy.denied', message: /agent web1 is locked: stolen/ });
  await lock(context, LOCAL_ADMIN, 'agent', 'web1', null);
  await assert.rejects(ask(), { message: /agent web1 is locked$/ });
  assert.deepEqual((await unlock(context, LOCAL_ADMIN, 'agent', 'web1')).ids, [made.agentId]);
  assert.deepEqual((await unlock(context, LOCAL_ADMIN, 'agent', 'web1')).ids, []);
  await ask();
  const audited = await made.audited();
  assert.deepEqual(
    audited.filter((code) => code.startsWith('lock.')),
    ['lock.set', 'lock.set', 'lock.lifted'],
  );
});

test('a locked operator: every login, every token, new logins; programs without a session are told too', async (t) => {
  const { context, control, alice, orders, open, ask, ...made } = await stand(t);
  await control.forEdge.attach({ sessionToken: await made.token(alice, ['192.0.2.1:1']), connection: 'idle' });
  await open();
  orders.length = 0;
  await lock(context, LOCAL_ADMIN, 'operator', 'alice', 'left');
  assert.ok(orders.includes('tellOperators idle operator-locked operator alice is locked: left'), orders.join('\n'));
  await assert.rejects(ask(), { code: 'operator.locked', message: 'operator alice is locked: left' });
  await assert.rejects(context.sessions.lease(alice, { id: made.agentId, name: 'web1', ports: [] }), { code: 'operator.locked' });
  await unlock(context, LOCAL_ADMIN, 'operator', 'alice');
  await ask();
});

test('a locked session keeps its pair apart, and nothing else', async (t) => {
  const { context, open, ask, alice, ...made } = await stand(t);
  const sessionId = await open();
  const bob = await made.operator('bob', null);
  await lock(context, LOCAL_ADMIN, 'session', sessionId, null);
  await assert.rejects(ask(), { code: 'session.locked', message: 'the session of alice on web1 is locked' });
  await ask(await made.token(bob, ['*']));
  assert.deepEqual(
    (await listSessions(context, made.caller(alice), { after: null, limit: 10, ended: false })).sessions.map(({ state, lock }) => [state, lock?.reason]),
    [['ended', null]],
  );
  await unlock(context, LOCAL_ADMIN, 'session', sessionId);
  await ask();
});

test('a locked login string takes its credential with it; an operator is locked while a session is being opened', async (t) => {
  const { context, store, world, alice, open, ask, ...made } = await stand(t);
  const row = { id: 'j1', kind: 'operator', name: 'alice', hash: 'x', routes: [], ports: null, agents: null, replaces: false, credentialMs: null } as const;
  const more = { createdBy: 'test', expiresAt: world.clock.now() + 60_000, maxUses: 1, ephemeral: false, sources: null, targets: null } as const;
  await store.tokens.insert({ ...row, ...more });
  await store.credentials.insert({ hash: 'credential-carol', operatorId: alice.id, tokenId: 'j1', expiresAt: world.clock.now() + 60_000 });
  const hers = await made.token({ ...alice, name: 'carol' }, ['*']);
  await ask(hers);
  await open();
  assert.equal((await lock(context, LOCAL_ADMIN, 'token', 'j1', null)).cut.sessions, 1);
  await assert.rejects(ask(hers), { code: 'operator.locked', message: 'this login of alice is locked' });
  assert.equal(await store.tokens.spend('j1', 'x', ['operator']), undefined);
  await ask(); // another login of the same operator
  await context.sessions.endAll('all', 'idle');

  const asked = ask().then(
    () => 'granted',
    (error: { code: string }) => error.code,
  );
  await lock(context, LOCAL_ADMIN, 'operator', 'alice', null);
  assert.ok(['granted', 'operator.locked'].includes(await asked));
  assert.deepEqual(await store.sessions.listLive(), [], 'whoever came first, nothing is left');
});

test('own sessions only; closing ends, and keeps nobody away', async (t) => {
  const { context, orders, open, ask, alice, ...made } = await stand(t);
  const sessionId = await open();
  const bob = made.caller(await made.operator('bob', null));
  assert.deepEqual((await listSessions(context, bob, { after: null, limit: 10, ended: true })).sessions, []);
  await assert.rejects(closeSession(context, bob, sessionId), { code: 'scope.missing', kind: 'forbidden' });
  await assert.rejects(getSession(context, bob, 'nope'), { code: 'session.unknown' });
  assert.deepEqual((await getSession(context, made.caller(alice), sessionId)).targets, [TARGET]);
  orders.length = 0;
  assert.deepEqual(await closeSession(context, LOCAL_ADMIN, sessionId), { links: 0, sessions: 1, channels: 1 });
  assert.equal(orders[0], 'tellOperators c1 admin-closed the session on web1 was ended: an administrator closed it');
  assert.deepEqual(await closeSession(context, LOCAL_ADMIN, sessionId), { links: 0, sessions: 0, channels: 0 });
  assert.equal((await getSession(context, LOCAL_ADMIN, sessionId)).reason, 'admin-closed');
  await ask();
});

test('operators may not lock, list or delete; a deleted one is gone with everything', async (t) => {
  const { context, store, open, ask, alice, ...made } = await stand(t);
  await open();
  for (const attempt of [
    lock(context, made.caller(alice), 'agent', 'web1', null),
    unlock(context, made.caller(alice), 'operator', 'alice'),
    listOperators(context, made.caller(alice), { after: null, limit: 1 }),
    deleteOperator(context, made.caller(alice), 'alice'),
    revokeAgent(context, made.caller(alice), 'web1', null),
  ])
    await assert.rejects(attempt, { code: 'scope.missing' });
  assert.deepEqual(
    (await listOperators(context, LOCAL_ADMIN, { after: null, limit: 10 })).operators.map(({ name, sessions }) => [name, sessions]),
    [['alice', 1]],
  );
  assert.deepEqual(await deleteOperator(context, LOCAL_ADMIN, 'alice'), { links: 0, sessions: 1, channels: 1 });
  await assert.rejects(ask(), { code: 'session.refused' });
  assert.equal(await store.operators.byName('alice'), undefined);
  assert.deepEqual(await store.sessions.listLive(), []);
  await assert.rejects(deleteOperator(context, LOCAL_ADMIN, 'alice'), { code: 'operator.unknown' });
  for (const kind of ['operator', 'agent', 'token', 'session'] as const)
    await assert.rejects(lock(context, LOCAL_ADMIN, kind, 'nobody', null), { code: `${kind}.unknown`, kind: 'not-found' });
});

test('a revoked agent is refused by id, serial and key', async (t) => {
  const { context, store, world, agentId, open, ask, orders, ...made } = await stand(t);
  const certificate = { agentId, fingerprint: 'f', notBefore: 0, notAfter: world.clock.now() + 1e9 };
  await store.certificates.insert({ ...certificate, serial: 's1', spkiSha256: 'key1' });
  await store.certificates.insert({ ...certificate, serial: 's2', spkiSha256: 'key1' });
  const other = { agentId: await made.agent('web2', { offline: true, routes: ['192.0.2.0/24'] }), serial: 'o1', spkiSha256: 'key1' };
  await store.certificates.insert({ ...certificate, ...other });
  assert.ok(await store.certificates.admissible(other));
  await open();
  orders.length = 0;
  assert.deepEqual(await revokeAgent(context, LOCAL_ADMIN, 'web1', 'stolen'), { links: 1, sessions: 1, channels: 1 });
  assert.match(orders[0] ?? '', /agent-revoked .*: the agent was revoked: stolen$/);
  await assert.rejects(ask(), { code: 'policy.denied', message: /agent web1 is revoked/ });
  assert.equal(await store.certificates.admissible(other), undefined, 'its key under another id and serial');
  await store.agents.change(agentId, { state: 'active' });
  for (const serial of ['s1', 's2']) assert.equal(await store.certificates.admissible({ agentId, serial, spkiSha256: 'key1' }), undefined, serial);
  await assert.rejects(store.certificates.insert({ ...certificate, serial: 's3', spkiSha256: 'key1' }), { code: 'csr.refused' });
  assert.ok(LIMITS.sessionTokenMs <= 600_000, 'what was granted ends soon by itself');
});
