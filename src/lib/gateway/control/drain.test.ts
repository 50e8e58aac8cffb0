// From a drain on nothing new begins, the API answers on, and the edge is told once more only to be quicker.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { controlStand } from '../../../../test/support/control-stand.ts';
import { LOCAL_ADMIN } from './caller.ts';
import { drain } from './drain.ts';
import { buildApi } from './http/server.ts';
import { everyoneIsLocalAdmin } from './http/who-calls.ts';

const remote = { address: '192.0.2.1', port: 1 };

test('new sessions, channels and links are refused, the status says so, and one audit row is kept', async (t) => {
  const { control, ...stand } = await controlStand(t);
  await stand.agent('web1');
  const sessionToken = await stand.token(await stand.operator('alice', null), ['*']);
  const api = await buildApi(control.context, { whoCalls: everyoneIsLocalAdmin });
  t.after(() => api[Symbol.asyncDispose]());
  const status = async () => (await api.app.inject({ url: '/api/v1/status' })).json().state;
  assert.equal(await status(), 'running');
  await control.forEdge.authorise({ sessionToken, target: '10.0.0.5:22', remote });

  const answer = await api.app.inject({ method: 'POST', url: '/api/v1/drain', payload: { grace_ms: 30_000 } });
  assert.deepEqual([answer.statusCode, answer.json().agents_online], [200, 1]);
  assert.equal(await status(), 'draining');
  assert.equal((await api.app.inject({ url: '/readyz' })).statusCode, 503);
  assert.equal((await api.app.inject({ url: '/livez' })).statusCode, 200);
  await assert.rejects(control.forEdge.authorise({ sessionToken, target: '10.0.0.5:22', remote }), { code: 'gateway.stopping' });
  await assert.rejects(control.forEdge.admit({ certificate: new Uint8Array(0), protocol: 2, transport: 'quic', remote }), { code: 'gateway.stopping' });
  assert.ok(drain(control.context, LOCAL_ADMIN, 90_000).grace_ms <= 30_000, 'a second drain is no longer one');
  assert.ok(drain(control.context, LOCAL_ADMIN, 1000).grace_ms <= 1000);
  assert.equal((await stand.audited()).filter((code) => code === 'gateway.draining').length, 1);
  assert.equal((await api.app.inject({ method: 'POST', url: '/api/v1/drain', payload: { grace_ms: -1 } })).statusCode, 400);
});
