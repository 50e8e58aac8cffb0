import assert from 'node:assert/strict';
import { test } from 'node:test';
import { apiStand } from '../../../../../test/support/api-stand.ts';

test('metrics count what happened, for administrators alone, and hold no name of anybody', async (t) => {
  const { app, login, nobody, control, ...stand } = await apiStand(t);
  const web1 = await stand.agent('web1');
  const [alice, root] = [await login('alice'), await login('root', { kind: 'admin' })];
  const { session_id: id } = (await alice('POST', '/api/v1/tunnel/open', { agent_id: web1 })).json ?? {};
  await alice('POST', '/api/v1/tunnel/open', { agent_id: web1 });
  await alice('POST', '/api/v1/tunnel/close', { session_id: id });
  assert.deepEqual([(await alice('GET', '/metrics')).status, (await nobody('GET', '/metrics')).status], [403, 401]);
  await alice('GET', '/api/v1/nothing/here');
  const answer = await app.inject({ method: 'GET', url: '/metrics', headers: { authorization: 'Bearer secret-of-root' } });
  assert.match(String(answer.headers['content-type']), /^text\/plain; version=0\.0\.4/);
  for (const line of [
    'tunnel_sessions_opened_total 1',
    'tunnel_sessions_ended_total{reason="operator-closed"} 1',
    'tunnel_http_requests_total{method="POST",route="/api/v1/tunnel/open",status="200"} 1',
    'tunnel_http_requests_total{method="POST",route="/api/v1/tunnel/open",status="409"} 1',
    'tunnel_http_requests_total{method="GET",route="/metrics",status="401"} 1',
    'tunnel_agents_online 1',
    'tunnel_sessions 0',
    'tunnel_edge_up 1',
    'tunnel_draining 0',
  ])
    assert.ok(
      answer.body.split('\n').includes(line),
      `${line} in\n${answer.body
        .split('\n')
        .filter((each) => each.startsWith('tunnel'))
        .join('\n')}`,
    );
  assert.match(answer.body, /^process_resident_memory_bytes \d+/m);
  assert.doesNotMatch(answer.body, /web1|alice|nothing/);
  assert.equal((await root('GET', '/readyz')).status, 200);
  control.context.draining.begin(0);
  const notReady = await nobody('GET', '/readyz');
  assert.deepEqual([notReady.status, notReady.headers['retry-after']], [503, '1']);
  assert.equal((await nobody('GET', '/livez')).status, 200);
});
