// Sessions on demand and tunnels over the API: their statuses one by one, and what many at once may not do.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { type Answered, type Ask, apiStand } from '../../../../../test/support/api-stand.ts';
import { ManualClock } from '../../../../../test/support/manual-clock.ts';
import { LIMITS } from '../../../base/limits.ts';

const OPEN = '/api/v1/tunnel/open';
const CLOSE = '/api/v1/tunnel/close';
const statusOf = (id: unknown) => `/api/v1/tunnel/status/${id}`;
const ROUNDS = process.env['FULL'] === '1' ? 100 : 10;

function codeOf({ json }: Answered): unknown {
  const error = json?.['error'];
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}

test('open, status, close: exactly the promised statuses', async (t) => {
  const { login, nobody, control, ...stand } = await apiStand(t);
  const web1 = await stand.agent('web1');
  const away = await stand.agent('away', { offline: true });
  const [alice, bob, carol] = [await login('alice'), await login('bob'), await login('carol', { agents: ['other'] })];
  const opened = await alice('POST', OPEN, { agent_id: web1, owner: 'bob', operator: 'bob' });
  assert.equal(opened.status, 200);
  const id = opened.json?.['session_id'];
  const shown = await alice('GET', statusOf(id));
  assert.equal(shown.json?.['state'], 'live');
  assert.equal(control.context.sessions.find(String(id))?.operator.name, 'alice'); // whatever the request says

  const cases: [number, string | undefined, Promise<Answered>][] = [
    [409, 'session.exists', alice('POST', OPEN, { agent_id: web1 })],
    [409, 'session.exists', alice('POST', OPEN, { agent_id: web1.replaceAll('-', '').toUpperCase() })],
    [400, 'request.malformed', alice('POST', OPEN, { agent_id: 'web1' })],
    [400, 'request.malformed', alice('POST', OPEN, {})],
    [400, 'request.malformed', alice('POST', OPEN, '{"agent_id":')],
    [400, 'request.malformed', alice('POST', OPEN, 'agent_id=web1', { 'content-type': 'application/x-www-form-urlencoded' })],
    [404, 'agent.unknown', alice('POST', OPEN, { agent_id: randomUUID() })],
    [503, 'agent.offline', alice('POST', OPEN, { agent_id: away })],
    [403, 'policy.denied', carol('POST', OPEN, { agent_id: web1 })],
    [401, 'login.refused', nobody('POST', OPEN, { agent_id: web1 })],
    [400, 'request.malformed', alice('GET', statusOf('nonsense'))],
    [400, 'request.malformed', alice('GET', statusOf(`${id}0`))],
    [403, 'scope.missing', bob('GET', statusOf(id))],
    [404, 'session.unknown', bob('GET', statusOf(randomUUID()))],
    [401, 'login.refused', nobody('GET', statusOf(id))],
    [400, 'request.malformed', alice('POST', CLOSE, { session_id: 'nonsense' })],
    [400, 'request.malformed', alice('POST', CLOSE, { session_id: id, agent_id: away })],
    [403, 'scope.missing', bob('POST', CLOSE, { session_id: id })],
    [404, 'session.unknown', bob('POST', CLOSE, { session_id: randomUUID() })],
    [401, 'login.refused', nobody('POST', CLOSE, { session_id: id })],
  ];
  for (const [index, [status, code, answer]] of cases.entries()) {
    const answered = await answer;
    assert.deepEqual([answered.status, codeOf(answered)], [status, code], `case ${index}`);
    if (status === 503) assert.equal(answered.headers['retry-after'], '1');
  }
  assert.equal(control.context.sessions.find(String(id))?.operator.name, 'alice');
  const closed = await alice('POST', CLOSE, { session_id: id });
  assert.deepEqual([closed.status, closed.json?.['state'], closed.json?.['reason']], [200, 'ended', 'operator-closed']);
  assert.equal((await alice('POST', CLOSE, { session_id: id })).json?.['reason'], 'operator-closed');
  assert.equal((await alice('POST', OPEN, { agent_id: web1 })).status, 200);
  assert.equal((await alice('GET', statusOf(id))).json?.['state'], 'ended');
});

test('500 for a fault of the store, 503 with Retry-After while it does not answer, nothing left behind', async (t) => {
  const { login, store, control, ...stand } = await apiStand(t);
  const web1 = await stand.agent('web1');
  const alice = await login('alice');
  const { transaction } = store;
  for (const [status, fault] of [
    [500, new Error('injected')],
    [503, Object.assign(Object.create(await busy()), {})],
  ] as const) {
    Object.assign(store, { transaction: () => Promise.reject(fault) });
    const answered = await alice('POST', OPEN, { agent_id: web1 });
    assert.equal(answered.status, status);
    if (status === 503) assert.ok(Number(answered.headers['retry-after']) >= 1);
    assert.doesNotMatch(JSON.stringify(answered.json), /injected/);
  }
  Object.assign(store, { transaction });
  assert.deepEqual(await store.sessions.listLive(), []);
  assert.equal((await alice('POST', OPEN, { agent_id: web1 })).status, 200);
  assert.equal(control.context.sessions.all().length, 1);
});

async function busy(): Promise<Error> {
  const { busyError } = await import('../../../store/store-error.ts');
  return busyError('gateway.db');
}

test(`ten concurrent opens by one operator for one agent, ${ROUNDS} rounds: one 200 and nine 409 each`, async (t) => {
  const { login, store, ...stand } = await apiStand(t);
  const web1 = await stand.agent('web1');
  const alice = await login('alice');
  for (let round = 0; round < ROUNDS; round += 1) {
    const answers = await Promise.all(Array.from({ length: 10 }, () => alice('POST', OPEN, { agent_id: web1 })));
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, ...Array(9).fill(409)]);
    const [live, ...more] = await store.sessions.listLive();
    assert.deepEqual(more, []);
    assert.equal((await alice('POST', CLOSE, { session_id: live?.id })).status, 200);
  }
});

test('operators share the tunnel of an agent; it ends with its last session, and another one is another', async (t) => {
  const { login, ...stand } = await apiStand(t);
  const [web1, web2] = [await stand.agent('web1'), await stand.agent('web2')];
  const [alice, bob] = [await login('alice'), await login('bob')];
  const connect = (who: Ask, body: object) => who('POST', '/api/tunnel/connect', body);
  const disconnect = (who: Ask, query = '', body?: object) => who('DELETE', `/api/tunnel/disconnect${query}`, body);
  const first = await connect(alice, { agent_id: web1 });
  const { tunnel_id: tunnelId, token, client, ...rest } = first.json ?? {};
  assert.ok(typeof tunnelId === 'string' && typeof token === 'string' && typeof client === 'object');
  assert.deepEqual([rest['virtual_ip'], rest['plane'], rest['idle_seconds'], rest['operators']], [null, 'stream', 900, 1]);
  const [joined, again] = [await connect(bob, { agent_id: web1, tunnel_id: tunnelId }), await connect(alice, { agent_id: web1 })];
  assert.deepEqual([joined.json?.['tunnel_id'], again.json?.['tunnel_id'], again.json?.['operators']], [tunnelId, tunnelId, 2]);
  const other = await connect(alice, { agent_id: web2 });
  assert.notEqual(other.json?.['tunnel_id'], tunnelId);
  for (const wrong of [randomUUID(), other.json?.['tunnel_id']]) assert.equal((await connect(bob, { agent_id: web1, tunnel_id: wrong })).status, 409);
  assert.equal((await connect(await login('dora'), { agent_id: web1, tunnel_id: randomUUID() })).status, 409);
  assert.equal((await connect(bob, { agent_id: web1, tunnel_id: 'x' })).status, 400);

  const show = (who: Ask, query: string) => who('GET', `/api/tunnel/status${query}`);
  assert.equal((await show(bob, '')).json?.['tunnel_id'], tunnelId);
  assert.equal((await show(alice, '')).status, 400); // two are hers
  assert.equal((await show(alice, `?agent_id=${web1}&tunnel_id=${other.json?.['tunnel_id']}`)).status, 400);
  assert.equal((await show(bob, `?tunnel_id=${other.json?.['tunnel_id']}`)).status, 403);
  assert.equal((await show(bob, `?agent_id=${web2}`)).status, 404);
  assert.equal((await show(bob, `?tunnel_id=${randomUUID()}`)).status, 404);
  assert.equal((await disconnect(alice, `?agent_id=${web1}`, { agent_id: web2 })).status, 400);
  assert.deepEqual([(await disconnect(alice, '', { agent_id: web1 })).json?.['ended'], (await disconnect(bob)).json?.['ended']], [false, true]);
  assert.equal((await disconnect(bob)).status, 404);
  assert.equal((await connect(bob, { agent_id: web1, tunnel_id: tunnelId })).status, 409);
  assert.notEqual((await connect(bob, { agent_id: web1 })).json?.['tunnel_id'], tunnelId);
});

test('idle: an open channel, the target and the owner of the gateway keep nothing; keep-alive of its operator does', async (t) => {
  const clock = new ManualClock(Date.now());
  const { login, control, ...stand } = await apiStand(t, { clock });
  const web1 = await stand.agent('web1');
  const [alice, bob, root] = [await login('alice'), await login('bob'), await login('root', { kind: 'admin' })];
  const { sessions } = control.context;
  const ids: string[] = [];
  for (const who of [alice, bob]) ids.push(String((await who('POST', OPEN, { agent_id: web1 })).json?.['session_id']));
  const [kept = '', left = ''] = ids;
  sessions.channelOpened(left, 'c1', '10.0.0.5:22');
  for (let minute = 0; minute < 20; minute += 10) {
    await clock.advance(10 * 60_000 - 1000);
    const keep = (who: Ask, id: string) => who('POST', `/api/v1/sessions/${id}/keep-alive`, {});
    assert.deepEqual([(await keep(alice, kept)).status, (await keep(root, left)).status, (await keep(alice, left)).status], [200, 403, 403]);
    if (minute === 0) assert.equal((await bob('GET', statusOf(left))).json?.['state'], 'live');
  }
  assert.deepEqual([(await bob('GET', statusOf(left))).json?.['reason'], (await alice('GET', statusOf(kept))).json?.['state']], ['idle', 'live']);
  await clock.advance(LIMITS.sessionIdleMs);
  assert.equal((await alice('GET', statusOf(kept))).json?.['reason'], 'idle');
  assert.equal((await alice('POST', `/api/v1/sessions/${kept}/keep-alive`, {})).status, 404);
});

test('request ids go in and out, bodies are limited before anybody is known, and other methods are told which there are', async (t) => {
  const { nobody, login } = await apiStand(t);
  const alice = await login('alice');
  assert.equal((await alice('GET', '/livez', undefined, { 'x-request-id': 'mine-1' })).headers['x-request-id'], 'mine-1');
  const strange = (await alice('GET', '/nowhere', undefined, { 'x-request-id': 'a b\u001b' })).headers['x-request-id'];
  assert.match(String(strange), /^[0-9a-f-]{36}$/);
  assert.equal((await nobody('POST', OPEN, { agent_id: 'x'.repeat(70_000) })).status, 413);
  const wrong = await alice('PATCH', OPEN, {});
  assert.deepEqual([wrong.status, wrong.headers['allow']], [405, 'POST']);
  const document = (await nobody('GET', '/openapi.json')).json;
  assert.equal(document?.['openapi'], '3.1.0');
});
