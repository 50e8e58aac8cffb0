import assert from 'node:assert/strict';
import { test } from 'node:test';
import { controlStand } from '../../../../test/support/control-stand.ts';
import { someCertificate } from '../../../../test/support/some-certificate.ts';
import { TunnelError } from '../../base/errors.ts';
import { judgeRequest, readRequest } from './judge-request.ts';

const remote = { address: '192.0.2.9', port: 9 };

test('a token becomes a plan; what becomes of it is audited with the very record', async (t) => {
  const { control, store, ...stand } = await controlStand(t);
  await stand.agent('narrow', { routes: ['10.0.0.0/24'] });
  await stand.agent('wide');
  const alice = await stand.operator('alice', null);
  const sessionToken = await stand.token(alice, ['10.0.0.5:22']);
  const { record } = await judgeRequest(control.context, readRequest({ target: '10.0.0.5:22' }, alice));
  const plan = await control.forEdge.authorise({ sessionToken, target: '10.0.0.5:22', remote });
  assert.deepEqual(Object.keys(plan), ['channelId', 'ways'], 'the record is not the edge’s business');
  assert.deepEqual(
    plan.ways.map(({ agent, linkId, target }) => [agent, linkId, target]),
    [
      ['narrow', 'link-narrow', '10.0.0.5:22'],
      ['wide', 'link-wide', '10.0.0.5:22'],
    ],
  );
  const [first, second] = plan.ways;
  assert.ok(first && second);
  const named = (way: typeof first) => ({ channelId: plan.channelId, sessionId: way.session.sessionId, agent: way.agent, target: way.target });
  await control.forEdge.report({ kind: 'refused', ...named(first), code: 'target.refused', reason: 'no', last: false });
  await control.forEdge.report({ kind: 'opened', ...named(second), address: '10.0.0.5:22' });
  assert.equal(control.context.sessions.channels, 1);
  await control.forEdge.report({ kind: 'ended', channelId: plan.channelId, sessionId: second.session.sessionId, bytesUp: 1, bytesDown: 2, reason: 'ended' });
  assert.equal(control.context.sessions.channels, 0);
  assert.deepEqual(await stand.audited(), ['session.opened', 'session.opened', 'channel.opened', 'channel.ended']);
  const { rows } = await store.audit.list(3, 10);
  assert.deepEqual(rows[0]?.detail['decision'], {
    ...record,
    outcome: { result: 'connected', agent: 'wide', address: '10.0.0.5:22', code: null, reason: null },
  });
  assert.deepEqual(rows[0]?.detail['tried'], [{ agent: 'narrow', target: '10.0.0.5:22', code: 'target.refused', reason: 'no' }]);
  assert.deepEqual({ up: rows[1]?.detail['bytes_up'], down: rows[1]?.detail['bytes_down'] }, { up: 1, down: 2 });
});

test('one session for a pair, however many ask at once; its material stays until half of its life', async (t) => {
  const { control, store, ...stand } = await controlStand(t);
  const agentId = await stand.agent('web1');
  const alice = await stand.operator('alice', ['web1']);
  const sessionToken = await stand.token(alice, ['*']);
  const plans = await Promise.all(Array.from({ length: 50 }, (_, index) => control.forEdge.authorise({ sessionToken, target: `10.0.0.${index}:22`, remote })));
  assert.equal(new Set(plans.map(({ ways }) => ways[0]?.session.sessionId)).size, 1);
  assert.equal((await store.sessions.listLive({ agentId })).length, 1);
  assert.deepEqual(await stand.audited(), ['session.opened']);
});

test('refusals: other targets, other operators, ended logins, and nothing of it opens a session', async (t) => {
  const { control, store, ...stand } = await controlStand(t);
  await stand.agent('web1');
  await stand.agent('asleep', { routes: ['172.16.0.0/12'], offline: true });
  const alice = await stand.operator('alice', ['web1', 'asleep']);
  const bob = await stand.operator('bob', []);
  const ask = async (target: string, token: Promise<string>) => control.forEdge.authorise({ sessionToken: await token, target, remote });
  await assert.rejects(ask('10.0.0.6:22', stand.token(alice, ['10.0.0.5:22'])), { code: 'policy.denied' });
  await assert.rejects(ask('10.0.0.5:23', stand.token(alice, ['*'])), { code: 'policy.denied' });
  await assert.rejects(ask('10.0.0.5:22', stand.token(bob, ['*'])), { code: 'policy.denied' });
  await assert.rejects(ask('10.0.0.5:22', stand.token(alice, ['*'], { agent: 'nobody' })), { code: 'agent.unknown' });
  await assert.rejects(ask('172.16.0.1:22', stand.token(alice, ['*'])), { code: 'agent.offline' });
  await assert.rejects(ask('192.0.2.1:22', stand.token(alice, ['*'])), { code: 'route.none' });
  await assert.rejects(ask('010.0.0.5:22', stand.token(alice, ['*'])), { code: 'target.malformed' });
  await assert.rejects(ask('10.0.0.5:22', Promise.resolve('nonsense')), { code: 'session.refused' });
  assert.deepEqual(await store.sessions.listLive(), []);

  const token = stand.token(alice, ['10.0.0.5:22']);
  await ask('10.0.0.5:22', token);
  await store.credentials.revoke('credential-alice');
  control.context.logins.changed();
  await assert.rejects(ask('10.0.0.5:22', token), { code: 'session.refused' });
});

test('a deleted agent: its link is closed, its sessions end, and it is not found any more', async (t) => {
  const { control, orders, store, ...stand } = await controlStand(t);
  const agentId = await stand.agent('web1');
  const alice = await stand.operator('alice', null);
  const sessionToken = await stand.token(alice, ['10.0.0.5:22']);
  const { ways } = await control.forEdge.authorise({ sessionToken, target: '10.0.0.5:22', remote });
  const { deleteAgent } = await import('./agents.ts');
  const { LOCAL_ADMIN } = await import('./caller.ts');
  await deleteAgent(control.context, LOCAL_ADMIN, 'web1');
  assert.deepEqual(orders, [`endSession ${ways[0]?.session.sessionId} agent-removed`, 'closeLink link-web1 this agent was deleted']);
  assert.equal((await store.sessions.byId(ways[0]?.session.sessionId ?? ''))?.reason, 'agent-removed');
  assert.equal(await store.agents.byId(agentId), undefined);
  await assert.rejects(control.forEdge.authorise({ sessionToken, target: '10.0.0.5:22', remote }), { code: 'route.none' });
});

test('the end of the newest link ends the sessions of its agent, the end of an older one does not', async (t) => {
  const { control, orders, ...stand } = await controlStand(t);
  const agentId = await stand.agent('web1');
  const alice = await stand.operator('alice', null);
  const sessionToken = await stand.token(alice, ['*']);
  const plan = await control.forEdge.authorise({ sessionToken, target: '10.0.0.5:22', remote });
  control.context.registry.link({ linkId: 'newer', agentId, protocol: 2, transport: 'memory', remote, certificate: someCertificate });
  await control.forEdge.unlink('link-web1', 'lost');
  assert.deepEqual(orders, []);
  await control.forEdge.unlink('newer', 'lost');
  assert.deepEqual(orders, [`endSession ${plan.ways[0]?.session.sessionId} agent-lost`]);
});

test('what an administrator takes away ends what uses it', async (t) => {
  const { control, orders, ...stand } = await controlStand(t);
  await stand.agent('web1', { ports: ['22', '80'] });
  const [alice, bob] = [await stand.operator('alice', null), await stand.operator('bob', null)];
  const open = async (operator: typeof alice, target: string) => {
    const plan = await control.forEdge.authorise({ sessionToken: await stand.token(operator, ['*']), target, remote });
    const sessionId = plan.ways[0]?.session.sessionId ?? '';
    await control.forEdge.report({ kind: 'opened', channelId: plan.channelId, sessionId, agent: 'web1', target, address: null });
    return sessionId;
  };
  const ssh = await open(alice, '10.0.0.5:22');
  const http = await open(bob, '10.0.0.5:80');
  const both = await open(alice, '10.0.0.6:80');
  assert.equal(both, ssh);
  const { changeAgent } = await import('./agents.ts');
  const { LOCAL_ADMIN } = await import('./caller.ts');
  const row = await changeAgent(control.context, LOCAL_ADMIN, 'web1', { ports: ['22'] });
  assert.deepEqual(row.ports, ['22']);
  const [assigned, ended, told, cut, updated, ...more] = orders;
  assert.equal(assigned, 'assign link-web1 {"subnets":["10.0.0.0/8"],"names":[],"ports":[[22,22]],"kinds":["tcp"]}');
  assert.equal(ended, `endSession ${http} policy-changed`);
  assert.equal(told, 'tellOperators  policy-changed a connection through web1 was cut: policy no longer allows it');
  assert.match(cut ?? '', /^endChannels [0-9a-f-]{36} policy-changed$/); // of two, the one to port 80
  assert.equal(updated, `updateSession ${ssh}`);
  assert.deepEqual(more, []);
  assert.ok(control.context.sessions.find(ssh));
});

test('what an administrator takes away ends also where the agent cannot be told', async (t) => {
  const { control, ...stand } = await controlStand(t);
  await stand.agent('web1', { ports: ['22', '80'] });
  const target = '10.0.0.5:80';
  const token = await stand.token(await stand.operator('alice', null), ['*']);
  const plan = await control.forEdge.authorise({ sessionToken: token, target, remote });
  const sessionId = plan.ways[0]?.session.sessionId ?? '';
  await control.forEdge.report({ kind: 'opened', channelId: plan.channelId, sessionId, agent: 'web1', target, address: null });
  const serving = control.context.serving();
  assert.ok(serving);
  const assign = () => Promise.reject(new TunnelError('link.lost', 'the link ended a moment ago'));
  control.serve({ ...serving, edge: { ...serving.edge, assign } });
  const { changeAgent } = await import('./agents.ts');
  const { LOCAL_ADMIN } = await import('./caller.ts');
  const row = await changeAgent(control.context, LOCAL_ADMIN, 'web1', { ports: ['22'] });
  assert.deepEqual(row.ports, ['22']);
  assert.equal(control.context.sessions.find(sessionId), undefined);
});

test('a session that ended while a channel was being opened is closed at the edge, also where the channel is refused', async (t) => {
  const { control, orders, ...stand } = await controlStand(t);
  await stand.agent('web1');
  const target = '10.0.0.5:22';
  const token = await stand.token(await stand.operator('alice', null), [target]);
  const { channelId, ways } = await control.forEdge.authorise({ sessionToken: token, target, remote });
  const sessionId = ways[0]?.session.sessionId ?? '';
  await control.context.sessions.end(sessionId, 'operator-closed');
  await control.forEdge.report({ kind: 'refused', channelId, sessionId, agent: 'web1', target, code: 'target.refused', reason: 'no', last: true });
  assert.deepEqual(orders, [`endSession ${sessionId} operator-closed`, `endSession ${sessionId} the session has ended`]);
});

test('an operator with targets reaches those only, and the agent is told so', async (t) => {
  const { control, ...stand } = await controlStand(t);
  await stand.agent('web1');
  const alice = await stand.operator('alice', ['web1'], ['10.0.0.0/24:22']);
  const sessionToken = await stand.token(alice, ['*']);
  const plan = await control.forEdge.authorise({ sessionToken, target: '10.0.0.5:22', remote });
  const { targets } = JSON.parse(Buffer.from(plan.ways[0]?.session.material.split('.')[1] ?? '', 'base64url').toString());
  assert.deepEqual(targets, ['10.0.0.0/24:22']);
  await assert.rejects(control.forEdge.authorise({ sessionToken, target: '10.0.1.5:22', remote }), {
    code: 'policy.denied',
    message: /no grant for 10\.0\.1\.5:22/,
  });
  assert.deepEqual(await stand.audited(), ['session.opened', 'channel.refused']);
});
