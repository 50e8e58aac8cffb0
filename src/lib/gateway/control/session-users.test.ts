import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { controlStand } from '../../../../test/support/control-stand.ts';
import { ManualClock } from '../../../../test/support/manual-clock.ts';
import type { Caller } from './caller.ts';
import { openSession } from './open-session.ts';

const remote = { address: '192.0.2.9', port: 9 };
const target = '10.0.0.5:22';

async function stand(t: TestContext) {
  const clock = new ManualClock(Date.now());
  const at = await controlStand(t, { clock });
  const web1 = { id: await at.agent('web1'), name: 'web1', ports: [] };
  const alice = await at.operator('alice', null);
  const token = await at.token(alice, [target]);
  const { forEdge, context } = at.control;
  const open = async (connection?: string) => {
    const plan = await forEdge.authorise({ sessionToken: token, target, remote, connection });
    const { channelId, ways } = plan;
    const sessionId = ways[0]?.session.sessionId ?? '';
    await forEdge.report({ kind: 'opened', channelId, sessionId, agent: 'web1', target, address: null });
    return { sessionId, end: () => forEdge.report({ kind: 'ended', channelId, sessionId, bytesUp: 0, bytesDown: 0, reason: 'ended' }) };
  };
  const attach = async (connection: string) => {
    await forEdge.attach({ sessionToken: token, connection });
    return (await context.sessions.lease(alice, web1)).sessionId;
  };
  const live = (sessionId: string) => context.sessions.find(sessionId) !== undefined;
  return { ...at, clock, forEdge, open, attach, live };
}

test('a session ends within a second after the connection that used it, also where there was no channel', async (t) => {
  const { attach, clock, forEdge, live, store } = await stand(t);
  const sessionId = await attach('c1');
  await clock.advance(60_000);
  assert.ok(live(sessionId));
  await forEdge.detach('c1');
  await clock.advance(1000);
  assert.ok(!live(sessionId));
  const ended = async () => (await store.audit.list(1, 1000)).rows.find(({ code }) => code === 'session.ended');
  while ((await ended()) === undefined) await new Promise(setImmediate);
  assert.deepEqual((await ended())?.detail, { session_id: sessionId, operator: 'alice', reason: 'operator-closed' });
});

test('it does not end while another connection uses it, or came meanwhile', async (t) => {
  const { attach, clock, forEdge, live, open } = await stand(t);
  const { sessionId, end } = await open('c1');
  assert.equal(await attach('c2'), sessionId);
  await end();
  await forEdge.detach('c1');
  await clock.advance(60_000);
  assert.ok(live(sessionId));
  await forEdge.detach('c2');
  await clock.advance(200);
  assert.equal(await attach('c3'), sessionId);
  await clock.advance(60_000);
  assert.ok(live(sessionId));
  await forEdge.detach('c3');
  await clock.advance(1000);
  assert.ok(!live(sessionId));
});

test('channels of plain clients are never cut by a command that ends; the idle limit is theirs', async (t) => {
  const { attach, clock, forEdge, live, open } = await stand(t);
  const { sessionId } = await open();
  await attach('c1');
  await forEdge.detach('c1');
  await clock.advance(10_000);
  assert.ok(live(sessionId));
});

test('what a renewal has leased again ends within 5 s where nobody attaches to it, and stays where somebody does', async (t) => {
  const { attach, clock, control, live, store } = await stand(t);
  const operator = (await store.operators.byName('alice')) ?? null;
  const caller: Caller = { kind: 'operator', operator, credentialHash: 'credential-alice', expiresAt: null };
  const renewed = async () => {
    const request = { targets: [target], renewal: true };
    const { targets } = await openSession(control.context, caller, request);
    return targets[0]?.session_id ?? '';
  };
  const left = await renewed();
  await clock.advance(2000);
  assert.ok(live(left));
  await clock.advance(2000);
  assert.ok(!live(left));
  const taken = await renewed();
  assert.equal(await attach('c1'), taken);
  await clock.advance(60_000);
  assert.ok(live(taken));
});

test('a token that is not good attaches nothing', async (t) => {
  const { forEdge } = await stand(t);
  await assert.rejects(forEdge.attach({ sessionToken: 'x.y.z', connection: 'c1' }), { code: 'session.refused' });
  await forEdge.detach('c1');
});

test('all of them are left at once when their edge is lost', async (t) => {
  const { attach, clock, control, live } = await stand(t);
  const sessionId = await attach('c1');
  assert.equal(await attach('c2'), sessionId);
  control.context.users.leaveAll();
  await clock.advance(1000);
  assert.ok(!live(sessionId));
});

test('behind SOCKS, where no target is known before, a connection keeps the sessions that it uses', async (t) => {
  const { clock, control, forEdge, live, open, ...at } = await stand(t);
  const { sessionId } = await open('c1');
  const operator = control.context.sessions.find(sessionId)?.operator;
  assert.ok(operator);
  for (const _each of [1, 2, 3]) {
    await clock.advance(10 * 60_000);
    await forEdge.attach({ sessionToken: await at.token(operator, ['*']), connection: 'c1', active: true });
  }
  assert.ok(live(sessionId));
  await clock.advance(15 * 60_000);
  assert.ok(!live(sessionId));
});
