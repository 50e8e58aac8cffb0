import assert from 'node:assert/strict';
import { test } from 'node:test';
import { controlStand } from '../../../../test/support/control-stand.ts';

const remote = { address: '192.0.2.9', port: 9 };
const target = '10.0.0.5:22';

test('when an edge is lost, links, channels, plans and connections of it are over, and what it asked last is undone', async (t) => {
  const { agent, audited, control, operator, store, token } = await controlStand(t);
  const agentId = await agent('web1');
  const alice = await operator('alice', null);
  const { context, forEdge } = control;
  const request = { sessionToken: await token(alice, [target]), target, remote, connection: 'c1' };
  const open = await forEdge.authorise(request);
  const sessionId = open.ways[0]?.session.sessionId ?? '';
  await forEdge.report({ kind: 'opened', channelId: open.channelId, sessionId, agent: 'web1', target, address: null });
  const planned = await forEdge.authorise(request);
  assert.equal(context.sessions.channels, 1);

  const late = assert.rejects(forEdge.attach({ sessionToken: request.sessionToken, connection: 'c2' }), { code: 'gateway.stopping' });
  await forEdge.lost({ pid: 7, reason: 'it was silent' });
  await late;
  assert.equal(context.sessions.channels, 0);
  assert.equal(context.sessions.find(sessionId), undefined);
  assert.equal(context.registry.byId(agentId)?.link, null);
  assert.deepEqual(context.registry.links(), []);
  // Nobody may report for it any more.
  await assert.rejects(forEdge.report({ kind: 'opened', channelId: planned.channelId, sessionId, agent: 'web1', target, address: null }), {
    code: 'protocol.violation',
  });
  forEdge.restarted({ pid: 8, reason: 'it was silent', restarts: 1 });

  await audited();
  const rows = (await store.audit.list(1, 1000)).rows;
  const of = (code: string) => rows.filter((row) => row.code === code).map(({ detail }) => detail);
  assert.deepEqual(of('edge.lost'), [{ pid: 7, reason: 'it was silent', links: 1, channels: 1 }]);
  assert.deepEqual(of('edge.restarted'), [{ pid: 8, reason: 'it was silent', restarts: 1 }]);
  assert.deepEqual(
    of('channel.ended').map(({ channel_id, reason }) => [channel_id, reason]),
    [[open.channelId, 'edge-lost']],
  );
  assert.deepEqual(
    of('channel.refused').map(({ channel_id }) => channel_id),
    [planned.channelId],
  );
  assert.deepEqual(
    of('session.ended').map(({ reason }) => reason),
    ['agent-lost'],
  );
  assert.equal(of('link.closed')[0]?.['reason'], 'the edge was lost: it was silent');
});

test('the next edge begins with nothing of the one before', async (t) => {
  const { agent, control, operator, token } = await controlStand(t);
  await agent('web1');
  const alice = await operator('alice', null);
  const { context, forEdge } = control;
  await forEdge.lost({ pid: 7, reason: 'killed' });
  await assert.rejects(forEdge.authorise({ sessionToken: await token(alice, [target]), target, remote }), { code: 'agent.offline' });
  await forEdge.lost({ pid: 8, reason: 'killed again' });
  assert.equal(context.sessions.channels, 0);
});
