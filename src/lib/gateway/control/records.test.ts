import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ControlStand, controlStand } from '../../../../test/support/control-stand.ts';
import { ErrorAnswer, Resolution } from '../../api/contract.ts';
import { buildApi } from './http/server.ts';

const remote = { address: '192.0.2.9', port: 9 };

async function stand(t: Parameters<typeof controlStand>[0]) {
  const made = await controlStand(t);
  await made.agent('wide', { routes: ['10.0.0.0/8', '*.corp.example'] });
  await made.agent('away', { routes: ['10.1.0.0/16', '172.16.0.0/12'], offline: true });
  await made.agent('other', { routes: ['192.0.2.0/24'] });
  const alice = await made.operator('alice', ['wide', 'away']);
  const api = await buildApi(made.control.context, {
    whoCalls: async () => ({ kind: 'operator', operator: alice, credentialHash: 'credential-alice', expiresAt: null }),
  });
  t.after(() => api[Symbol.asyncDispose]());
  const post = async (url: string, payload: object) => (await api.app.inject({ method: 'POST', url, payload })).json();
  return { ...made, alice, post };
}

const rowsOf = async ({ control, store }: ControlStand) => {
  await control.context.audit.flush();
  return (await store.audit.list(1, 1000)).rows;
};

const REFUSED = [
  { target: '203.0.113.1:22' },
  { target: '10.1.2.3:23' },
  { target: '172.16.0.1:22' },
  { target: '192.0.2.1:22' },
  { target: '10.1.2.3:22', agent: 'nobody' },
  { target: '10.1.2.3:22', agent: 'away' },
  { target: '10.1.2.3:22@berlin' },
  { target: '10.1.2.3:22', site: 'berlin' },
  { target: 'db.corp.example:80', alternates: ['172.16.0.1:22'] },
] as const;

test('a refused request has one record: resolved, in the error of the API, in the audit row of the session and of the channel', async (t) => {
  const made = await stand(t);
  for (const request of REFUSED) {
    const { target, ...more } = request;
    const resolved = Resolution.parse(await made.post('/api/v1/routes/resolve', request));
    const { error } = ErrorAnswer.parse(await made.post('/api/v1/sessions', { targets: [target], ...more }));
    assert.deepEqual(error.decision, resolved, `${target}: the error of the API`);
    const token = await made.token(made.alice, [error.decision?.site ? `${target.split('@')[0]}@berlin` : target], more);
    const asked = made.control.forEdge.authorise({ sessionToken: token, target, remote });
    await assert.rejects(asked, (thrown: { code: string; decision: unknown }) => {
      assert.deepEqual(thrown.decision, resolved);
      return thrown.code === error.code;
    });
    const [session, channel] = (await rowsOf(made)).slice(-2);
    assert.deepEqual([session?.code, channel?.code], ['session.refused', 'channel.refused']);
    assert.deepEqual(session?.detail['decision'], resolved, `${target}: the row of the session`);
    assert.deepEqual(channel?.detail['decision'], resolved, `${target}: the row of the channel`);
  }
});

test('a request that is carried has one record: resolved, and with its outcome in the audit row', async (t) => {
  const made = await stand(t);
  for (const target of ['10.1.2.3:22', 'db.corp.example:22', '10.9.0.1:22'] as const) {
    const resolved = Resolution.parse(await made.post('/api/v1/routes/resolve', { target }));
    const plan = await made.control.forEdge.authorise({ sessionToken: await made.token(made.alice, [target]), target, remote });
    const [way] = plan.ways;
    assert.ok(way);
    const { sessionId } = way.session;
    await made.control.forEdge.report({ kind: 'opened', channelId: plan.channelId, sessionId, agent: way.agent, target, address: '10.1.2.3:22' });
    const row = (await rowsOf(made)).findLast(({ code }) => code === 'channel.opened');
    const outcome = { result: 'connected', agent: 'wide', address: '10.1.2.3:22', code: null, reason: null };
    assert.deepEqual(row?.detail['decision'], { ...resolved, outcome });
  }
});
