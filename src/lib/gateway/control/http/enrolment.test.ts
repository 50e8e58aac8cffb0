import assert from 'node:assert/strict';
import { randomUUID, X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { controlStand } from '../../../../../test/support/control-stand.ts';
import { someCertificate } from '../../../../../test/support/some-certificate.ts';
import { makeCsr } from '../../../pki/csr.ts';
import { readIdentity } from '../../../pki/identity.ts';
import { generateKeyPem } from '../../../pki/keys.ts';
import { LOCAL_ADMIN } from '../caller.ts';
import { mint } from '../mint.ts';
import { buildApi } from './server.ts';
import { bearerCalls } from './who-calls.ts';

type Stand = Awaited<ReturnType<typeof controlStand>>;

async function apiOf(t: Parameters<typeof controlStand>[0]) {
  const stand = await controlStand(t);
  const api = await buildApi(stand.control.context, { whoCalls: bearerCalls(stand.control.context) });
  t.after(() => api[Symbol.asyncDispose]());
  const post = async (token: string | undefined, body: unknown, more: { readonly prefix?: string; readonly headers?: Record<string, string> } = {}) => {
    const headers = { accept: '*/*', ...(token !== undefined && { authorization: `Bearer ${token}` }), ...more.headers };
    const answer = await api.app.inject({ method: 'POST', url: `${more.prefix ?? '/jet/tunnel'}/enroll`, headers, payload: body as object });
    return { status: answer.statusCode, body: answer.body, type: answer.headers['content-type'] };
  };
  return { ...stand, app: api.app, post };
}

const mintAgent = async ({ control }: Pick<Stand, 'control'>, name: string, more = {}) =>
  (await mint(control.context, LOCAL_ADMIN, { kind: 'agent', name, routes: [], expires_ms: 3_600_000, replace: false, ...more })).token;

const request = async (more = {}) => ({
  agent_id: randomUUID(),
  csr_pem: await makeCsr(await generateKeyPem(), 'web1'),
  agent_hostname: 'host.example',
  ...more,
});

test('a hundred enrolments with one token: exactly one succeeds, one agent, one certificate', async (t) => {
  const { post, store, ...stand } = await apiOf(t);
  const token = await mintAgent(stand, 'web1');
  const bodies = await Promise.all(Array.from({ length: 100 }, () => request()));
  const answers = await Promise.all(bodies.map((body) => post(token, body)));
  const won = answers.filter(({ status }) => status === 200);
  assert.equal(won.length, 1);
  assert.deepEqual(new Set(answers.filter((answer) => !won.includes(answer)).map(({ status, body }) => `${status} ${body}`)), new Set(['401 ']));
  const { rows } = await store.agents.list({ after: null, limit: 10 });
  assert.deepEqual(
    rows.map(({ id }) => id),
    [JSON.parse(won[0]?.body ?? '').agent_id],
  );
  const codes = await stand.audited();
  assert.equal(codes.filter((code) => code === 'agent.enrolled').length, 1);
  assert.ok(codes.filter((code) => code === 'agent.enrolment-refused').length >= 50);
});

test("the answer is the reference's, under both prefixes, and the certificate says what the gateway decided", async (t) => {
  const { post, ...stand } = await apiOf(t);
  for (const [name, prefix] of [
    ['web1', '/jet/tunnel'],
    ['web2', '/jet/agent-tunnel'],
  ] as const) {
    const body = await request();
    const answer = await post(await mintAgent(stand, name), body, { prefix });
    assert.equal(answer.status, 200);
    const enrolled = JSON.parse(answer.body);
    assert.equal(enrolled.agent_id, body.agent_id);
    assert.equal(enrolled.quic_endpoint, 'gw.example:8443');
    assert.match(enrolled.server_spki_sha256, /^[0-9a-f]{64}$/);
    assert.ok(!enrolled.session_keys.includes('"d"'));
    const identity = readIdentity(new X509Certificate(enrolled.client_cert_pem).raw, { usage: 'agent' });
    assert.deepEqual([identity.agentId, identity.name], [body.agent_id, name]);
  }
});

test('stock agents get bare statuses; ours get the error; unknown, used, revoked and expired are the same', async (t) => {
  const { post, store, ...stand } = await apiOf(t);
  const used = await mintAgent(stand, 'used');
  assert.equal((await post(used, await request())).status, 200);
  const revoked = await mintAgent(stand, 'revoked');
  for (const { id, name } of (await store.tokens.list({ after: null, limit: 10 })).rows) if (name === 'revoked') await store.tokens.revoke(id);
  const damaged = `${(await mintAgent(stand, 'damaged')).slice(0, -6)}AAAAAA`;
  const operator = (await mint(stand.control.context, LOCAL_ADMIN, { kind: 'operator', name: 'alice', routes: [], expires_ms: 1000, replace: false })).token;
  const seen = new Set<string>();
  for (const token of [used, revoked, damaged, operator, 'nonsense', undefined]) {
    const bare = await post(token, await request());
    assert.deepEqual([bare.status, bare.body], [401, ''], String(token));
    const ours = await post(token, await request(), { headers: { accept: 'application/json' } });
    assert.equal(ours.status, 401);
    assert.equal((await post(token, await request({ csr_pem: 'nonsense' }))).status, 401);
    if (token !== undefined) seen.add(ours.body.replaceAll(/"hint":"[^"]*"/g, ''));
  }
  assert.equal(seen.size, 1);
});

test('a bad request does not burn the token', async (t) => {
  const { app, post, ...stand } = await apiOf(t);
  const token = await mintAgent(stand, 'web1');
  const good = await request();
  for (const [status, body, headers] of [
    [400, { ...good, csr_pem: 'nonsense' }, {}],
    [422, { ...good, agent_id: 'nonsense' }, {}],
    [400, { ...good, agent_id: 'nonsense' }, { accept: 'application/json' }],
    [422, { csr_pem: good.csr_pem }, {}],
    [400, '{"a":', { 'content-type': 'application/json' }],
    [400, '{"__proto__":{"a":1}}', { 'content-type': 'application/json' }],
    [400, `${'[{"a":'.repeat(17)}1${'}]'.repeat(17)}`, { 'content-type': 'application/json' }],
    [400, JSON.stringify(Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`k${index}`, 1]))), { 'content-type': 'application/json' }],
    [415, 'a=b', { 'content-type': 'application/x-www-form-urlencoded' }],
    [413, JSON.stringify({ a: 'x'.repeat(70_000) }), { 'content-type': 'application/json' }],
  ] as const) {
    const answer = await post(token, body, { headers });
    assert.equal(answer.status, status, JSON.stringify(body).slice(0, 80));
    assert.doesNotMatch(answer.body, /node_modules|at .*\.ts/);
  }
  const unknownFields = { ...good, more: 1 };
  assert.equal((await post(token, unknownFields)).status, 200);
  assert.equal((await app.inject({ method: 'GET', url: '/jet/tunnel/enroll' })).statusCode, 405);
});

test('ids are never given twice, keys belong to one agent, names are unique unless replaced', async (t) => {
  const { post, store, control, ...stand } = await apiOf(t);
  const mintFor = (name: string, more = {}) => mintAgent({ control }, name, more);
  const key = await generateKeyPem();
  const first = await request({ csr_pem: await makeCsr(key, 'web1') });
  const [one, two] = [await mintFor('web1'), await mintFor('web1')];
  assert.equal((await post(one, first)).status, 200);
  assert.equal((await post(await mintFor('web2'), { ...(await request()), agent_id: first.agent_id })).status, 409);
  assert.equal((await post(await mintFor('web3'), await request({ csr_pem: first.csr_pem }))).status, 400);
  assert.equal((await post(two, await request())).status, 409);
  await assert.rejects(mintFor('web1'), { code: 'name.taken' });

  control.context.registry.link({
    linkId: 'old',
    agentId: first.agent_id,
    protocol: 2,
    transport: 'memory',
    remote: { address: '192.0.2.1', port: 1 },
    certificate: someCertificate,
  });
  const before = (await store.certificates.newestOf([first.agent_id])).get(first.agent_id);
  const replaced = await post(await mintFor('web1', { replace: true }), await request());
  assert.equal(JSON.parse(replaced.body).agent_id, first.agent_id);
  assert.deepEqual(stand.orders, ['closeLink old enrolled again with a new key']);
  assert.ok(before);
  assert.equal(await store.certificates.admissible(before), undefined);
});

test('the stock management paths: 401, 403, 404 and 400 as at the reference', async (t) => {
  const { app, post, store, ...stand } = await apiOf(t);
  const enrolled = await request();
  assert.equal((await post(await mintAgent(stand, 'web1', { routes: ['10.0.0.0/24', '*.corp.example'] }), enrolled)).status, 200);
  await stand.agent('web2', { routes: ['10.1.0.0/16', '*.corp.example'] });
  const { hashSecret } = await import('../../../tokens/secret.ts');
  for (const kind of ['admin', 'operator'] as const) {
    const { id } = await store.operators.upsert({ id: randomUUID(), name: kind, kind, agents: null, targets: null });
    await store.credentials.insert({ hash: hashSecret(`${kind}-secret`), operatorId: id, tokenId: null, expiresAt: Date.now() + 60_000 });
  }
  const ask = async (method: 'GET' | 'DELETE', path: string, secret?: string) => {
    const answer = await app.inject({ method, url: `/jet/tunnel/agents${path}`, headers: secret === undefined ? {} : { authorization: `Bearer ${secret}` } });
    return { status: answer.statusCode, body: answer.body };
  };
  assert.deepEqual(await ask('GET', ''), { status: 401, body: '' });
  assert.deepEqual(await ask('GET', '', 'operator-secret'), { status: 403, body: '' });
  const [listed] = JSON.parse((await ask('GET', '', 'admin-secret')).body);
  assert.deepEqual(
    [listed.name, listed.is_online, listed.subnets, listed.domains, listed.route_epoch],
    ['web2', true, ['10.1.0.0/16'], [{ domain: '*.corp.example', auto_detected: false }], 1],
  );
  assert.equal((await ask('GET', `/${listed.agent_id.replaceAll('-', '')}`, 'admin-secret')).status, 200);
  assert.deepEqual(await ask('GET', `/${randomUUID()}`, 'admin-secret'), { status: 404, body: '' });
  assert.equal((await ask('GET', '/nonsense', 'admin-secret')).status, 400);
  assert.equal((await ask('DELETE', `/${listed.agent_id}`, 'operator-secret')).status, 403);
  assert.deepEqual(await ask('DELETE', `/${listed.agent_id}`, 'admin-secret'), { status: 204, body: '' });
  assert.deepEqual(await ask('DELETE', `/${listed.agent_id}`, 'admin-secret'), { status: 404, body: '' });
  assert.deepEqual(stand.orders, ['closeLink link-web2 this agent was deleted']);
});
