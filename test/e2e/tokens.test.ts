// Strings as an administrator works with them: minted for one or many, bound, inspected, listed and revoked, on the gateway's machine and from another one.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { generateKeyPem } from '../../src/lib/pki/keys.ts';
import { connectTo, startChain } from '../support/chain.ts';
import { start, succeed, temporaryFolder, tunnel } from '../support/cli.ts';
import { enrolByHand, enrolOnceByHand } from '../support/enrol-by-hand.ts';
import { dial, readToEnd, startTarget } from '../support/tcp.ts';

/** A gateway, and an admin who is logged in to it from a folder that knows nothing of its data. */
async function startGateway(t: TestContext) {
  const folder = temporaryFolder(t);
  const data = join(folder, 'gw');
  await succeed(['ca', 'init', '--data-dir', data]);
  const gateway = start(t, ['gateway', 'start', '--data-dir', data, '--listen', '127.0.0.1:0']);
  const url = String((await gateway.event('ready'))['url']);
  const mint = async (...flags: string[]) => (await succeed(['token', 'mint', '--data-dir', data, ...flags])).stdout.trim();
  const login = async (name: string, ...flags: string[]) => {
    const config = join(folder, name);
    await succeed(['login', '--token-file', '-', '--config-dir', config], { input: await mint('--name', name, ...flags) });
    return config;
  };
  const local = (...args: string[]) => tunnel([...args, '--data-dir', data, '--json']);
  const refusals = async () => {
    const rows = (await local('audit', '--limit', '1000')).json()['rows'] as { code: string; subject: string; detail: { reason: string } }[];
    return rows.filter(({ code }) => code === 'agent.enrolment-refused').map(({ subject, detail }) => `${subject} ${detail.reason}`);
  };
  return { folder, data, url, mint, login, local, refusals };
}

const first = (answer: Record<string, unknown>, key: string) => (answer[key] as Record<string, unknown>[])[0] ?? {};

test('a string for three agents: three names, a repeat takes no use, the fourth is refused like a bad string', async (t) => {
  const { folder, url, mint, local } = await startGateway(t);
  const token = await mint('--kind', 'agent', '--name', 'ci', '--uses', '3', '--ephemeral', '--routes', '10.0.0.0/24', '--ports', '22');
  const key = await generateKeyPem();
  const answer = await enrolOnceByHand(url, token, key);
  assert.deepEqual(await enrolOnceByHand(url, token, key), answer);
  const enrolled = (await tunnel(['agent', 'enroll', '--token-file', '-', '--data-dir', join(folder, 'ag'), '--json'], { input: token })).json();
  assert.equal(enrolled['name'], `ci-${String(enrolled['agent_id']).slice(0, 8)}`);
  const statuses = await enrolByHand(url, token, 20);
  assert.deepEqual([statuses.filter((status) => status === 200).length, statuses.filter((status) => status === 401).length], [1, 19]);

  const listed = first((await local('token', 'list', '--kind', 'agent', '--state', 'used')).json(), 'tokens');
  assert.deepEqual([listed['name'], listed['uses'], listed['max_uses'], listed['ephemeral']], ['ci', 3, 3, true]);
  assert.deepEqual((await local('token', 'list', '--state', 'open')).json(), { tokens: [], next: null });
  const agents = (await local('agent', 'list')).json()['agents'] as {
    id: string;
    name: string;
    ephemeral: boolean;
    allowed_routes: string[];
    ports: string[];
  }[];
  assert.equal(agents.length, 3);
  for (const agent of agents)
    assert.deepEqual([agent.name, agent.ephemeral, agent.allowed_routes, agent.ports], [`ci-${agent.id.slice(0, 8)}`, true, ['10.0.0.0/24'], ['22']]);
});

test('an ephemeral agent that was deleted enrols anew with the same command; one that is there, or locked, takes no use', async (t) => {
  const { folder, mint, local } = await startGateway(t);
  const token = await mint('--kind', 'agent', '--name', 'ci', '--uses', '2', '--ephemeral', '--routes', '10.0.0.0/24');
  const enroll = () => tunnel(['agent', 'enroll', '--token-file', '-', '--data-dir', join(folder, 'ag'), '--json'], { input: token });
  const uses = async () => first((await local('token', 'list')).json(), 'tokens')['uses'];
  const one = (await enroll()).json();
  assert.deepEqual([(await enroll()).json()['agent_id'], await uses()], [one['agent_id'], 1]);
  await local('lock', 'agent', String(one['name']));
  assert.deepEqual([(await enroll()).code, await uses()], [3, 1]);
  await local('agent', 'delete', String(one['name']));
  const two = (await enroll()).json();
  assert.notEqual(two['agent_id'], one['agent_id']);
  assert.deepEqual([(await enroll()).json()['agent_id'], await uses()], [two['agent_id'], 2]);
  assert.deepEqual(readdirSync(join(folder, 'ag')).filter((name) => name.startsWith('identity-')).length, 1);
  await local('agent', 'delete', String(two['name']));
  const used = await enroll();
  assert.deepEqual([used.code, (used.json()['error'] as Record<string, string>)['code']], [3, 'agent.deleted']);
});

test('no string is minted for a file that cannot be written', async (t) => {
  const { folder, local } = await startGateway(t);
  symlinkSync(join(folder, 'elsewhere'), join(folder, 'link'));
  for (const out of [join(folder, 'nowhere', 'x.token'), folder, join(folder, 'link')]) {
    const refused = await local('token', 'mint', '--kind', 'agent', '--name', 'web1', '--out', out);
    assert.deepEqual([refused.code, (refused.json()['error'] as Record<string, string>)['code']], [1, 'file.failed'], out);
  }
  assert.deepEqual((await local('token', 'list')).json()['tokens'], []);
  const out = join(folder, 'x.token');
  assert.equal((await local('token', 'mint', '--kind', 'agent', '--name', 'web1', '--out', out)).code, 0);
  assert.deepEqual(readdirSync(folder).sort(), ['gw', 'link', 'x.token']);
});

test('a string for other networks is refused as any bad string is; the audit log says why', async (t) => {
  const { folder, mint, url, refusals } = await startGateway(t);
  const elsewhere = await mint('--kind', 'agent', '--name', 'web1', '--sources', '192.0.2.0/24,2001:db8::/32');
  const refused = await tunnel(['agent', 'enroll', '--token-file', '-', '--data-dir', join(folder, 'ag'), '--json'], { input: elsewhere });
  assert.equal(refused.code, 3);
  assert.match(JSON.stringify(refused.json()), /"string\.refused","message":"the enrolment string is unknown, used, revoked or expired"/);
  const [told = ''] = await refusals();
  assert.match(told, /^token:[0-9a-f-]{36} 127\.0\.0\.1 is in none of its source networks \(192\.0\.2\.0\/24, 2001:db8::\/32\)$/);
  const here = await mint('--kind', 'agent', '--name', 'web1', '--sources', '127.0.0.0/8');
  assert.deepEqual(await enrolByHand(url, here, 1), [200]);
});

test('inspect spends nothing, and says what is known where', async (t) => {
  const { folder, mint, login, local, url } = await startGateway(t);
  const inspect = (input: string, ...flags: string[]) => tunnel(['token', 'inspect', '--token-file', '-', '--json', ...flags], { input });
  const nobody = join(folder, 'nobody');
  const away = { env: { XDG_STATE_HOME: nobody, HOME: nobody, TUNNEL_DATA_DIR: '' } };
  const token = await mint('--kind', 'agent', '--name', 'web1', '--uses', '2', '--sources', '127.0.0.0/8', '--routes', '10.0.0.0/24');

  const told = (await tunnel(['token', 'inspect', '--token-file', '-', '--json', '--data-dir', join(folder, 'gw')], { input: token })).json();
  assert.deepEqual([told['kind'], told['name'], told['gateway'], told['state'], told['not_told']], ['agent', 'web1', url, 'open', null]);
  const row = told['token'] as Record<string, unknown>;
  assert.deepEqual([row['uses'], row['max_uses'], row['sources'], row['routes'], row['ports']], [0, 2, ['127.0.0.0/8'], ['10.0.0.0/24'], null]);

  const admin = await login('root', '--kind', 'admin');
  assert.deepEqual((await inspect(token, '--config-dir', admin)).json(), told);
  const operator = await login('alice', '--kind', 'operator', '--agents', 'web1');
  const asOperator = (await inspect(token, '--config-dir', operator)).json();
  assert.deepEqual([asOperator['name'], asOperator['state'], asOperator['token']], ['web1', null, null]);
  assert.match(String(asOperator['not_told']), /only an administrator/);

  const offline = await tunnel(['token', 'inspect', '--token-file', '-', '--config-dir', nobody, '--json'], {
    input: token,
    ...away,
  });
  assert.deepEqual([offline.code, offline.json()['state'], offline.json()['expires_at']], [0, null, told['expires_at']]);
  assert.match(offline.stderr, /^no gateway told its state: /);

  const other = await startGateway(t);
  const foreign = (await tunnel(['token', 'inspect', '--token-file', '-', '--json', '--data-dir', other.data], { input: token })).json();
  assert.deepEqual([foreign['state'], foreign['token']], ['unknown', null]);
  for (const bad of ['nonsense', token.slice(0, 100)]) assert.equal((await inspect(bad, '--config-dir', nobody)).code, 2, bad.slice(0, 20));
  assert.equal(first((await local('token', 'list')).json(), 'tokens')['uses'], 0);
});

test('revoke by id, by name and by the string; of a used one it ends the string, not the agent', async (t) => {
  const { folder, data, mint, local, url, refusals } = await startGateway(t);
  const [byId, byName, byString] = [
    await mint('--kind', 'agent', '--name', 'one'),
    await mint('--kind', 'agent', '--name', 'two'),
    await mint('--kind', 'agent', '--name', 'three'),
  ];
  const many = await mint('--kind', 'agent', '--name', 'many', '--uses', '5');
  const key = await generateKeyPem();
  await enrolOnceByHand(url, many, key);
  const id = String(first((await local('token', 'list')).json(), 'tokens')['id']);

  assert.deepEqual([first((await local('token', 'revoke', id)).json(), 'revoked')['name']], ['one']);
  await succeed(['token', 'revoke', 'two', '--data-dir', data]);
  await succeed(['token', 'revoke', '--token-file', '-', '--data-dir', data], { input: byString });
  const used = await succeed(['token', 'revoke', 'many', '--data-dir', data]);
  assert.match(used.stdout, /^revoked the string \S+ for agent many, which was open\n$/);
  assert.match(used.stderr, /what enrolled with the string many stays/);
  for (const token of [byId, byName, byString, many]) assert.deepEqual(await enrolByHand(url, token, 1), [401]);
  await assert.rejects(enrolOnceByHand(url, many, key), /401/); // nor a repeat
  assert.ok((await refusals()).every((line) => line.endsWith(' revoked')));
  assert.equal(((await local('agent', 'list')).json()['agents'] as object[]).length, 1);

  const again = first((await local('token', 'revoke', 'two')).json(), 'revoked');
  assert.equal(again['state'], 'revoked');
  assert.equal((await local('token', 'revoke', 'nobody')).code, 5);
  assert.equal((await tunnel(['token', 'revoke', '--data-dir', data])).code, 2);
  assert.equal((await tunnel(['token', 'revoke', '--token-file', '-', '--data-dir', data], { input: 'nonsense' })).code, 2);
  const codes = ((await local('audit', '--limit', '1000')).json()['rows'] as { code: string }[]).map(({ code }) => code);
  assert.equal(codes.filter((code) => code === 'token.revoked').length, 4);
  assert.ok(folder);
});

test('an admin on another machine: tokens and agents through the API, as on the gateway itself; an operator is refused', async (t) => {
  const { login, url, data } = await startGateway(t);
  const [admin, operator] = [
    await login('root', '--kind', 'admin'),
    await login('alice', '--kind', 'operator', '--agents', 'web1', '--targets', '10.0.0.0/24:22'),
  ];
  const as = (config: string, ...args: string[]) => tunnel([...args, '--config-dir', config, '--json']);
  const minted = (await as(admin, 'token', 'mint', '--kind', 'agent', '--name', 'web1', '--routes', '10.0.0.0/24')).json();
  assert.deepEqual(await enrolByHand(url, String(minted['token']), 1), [200]);
  await as(admin, 'token', 'mint', '--kind', 'operator', '--name', 'bob', '--agents', 'web1');
  for (const args of [
    ['token', 'list'],
    ['agent', 'list'],
    ['agent', 'show', 'web1'],
    ['route', 'list'],
  ])
    assert.deepEqual((await as(admin, ...args)).json(), (await tunnel([...args, '--data-dir', data, '--json'])).json(), args.join(' '));
  const row = first((await as(admin, 'token', 'list', '--kind', 'agent')).json(), 'tokens');
  assert.deepEqual([row['id'], row['created_by'], row['state']], [minted['id'], 'operator:root', 'used']);

  for (const args of [
    ['token', 'mint', '--kind', 'operator', '--name', 'eve', '--agents', 'web1'],
    ['token', 'list'],
    ['token', 'revoke', 'bob'],
    ['agent', 'delete', 'web1'],
  ]) {
    const refused = await as(operator, ...args);
    assert.equal(refused.code, 4, `${args.join(' ')}: ${refused.stdout}`);
    assert.match(refused.stdout, /"scope\.missing"/);
  }
  assert.equal((await as(admin, 'token', 'revoke', 'bob')).code, 0);
  assert.equal((await as(admin, 'agent', 'delete', 'web1')).code, 0);
  assert.deepEqual((await tunnel(['agent', 'list', '--data-dir', data, '--json'])).json()['agents'], []);
});

test('what was minted for an operator is what whoami shows and what routes and sessions grant', async (t) => {
  const { login, mint, url, data, local } = await startGateway(t);
  assert.deepEqual(
    await enrolByHand(url, await mint('--kind', 'agent', '--name', 'web1', '--routes', '10.0.0.0/8,*.corp.example', '--ports', '1-65535'), 1),
    [200],
  );
  const alice = await login('alice', '--kind', 'operator', '--agents', 'web1', '--targets', '10.0.0.0/24:22,10.0.0.0/24:22-22,*.Corp.Example:1-1024');
  const as = (...args: string[]) => tunnel([...args, '--config-dir', alice, '--json']);
  const who = (await as('whoami')).json();
  assert.deepEqual([who['agents'], who['targets']], [['web1'], ['10.0.0.0/24:22', '*.corp.example:1-1024']]);
  const decided = async (target: string) => (await as('route', 'resolve', target)).json()['decision'] as { via: string; code?: string };
  // The agent is not running: offline is what an allowed target gets, denied what the others get.
  for (const [target, code] of [
    ['10.0.0.5:22', 'agent.offline'],
    ['db.corp.example:443', 'agent.offline'],
    ['10.0.0.5:23', 'policy.denied'],
    ['10.0.1.5:22', 'policy.denied'],
    ['corp.example:443', 'route.none'],
    ['db.corp.example:5432', 'policy.denied'],
  ] as const) {
    assert.equal((await decided(target)).code, code, target);
  }
  assert.equal((await as('session', 'open', '10.0.0.5:22')).code, 6);
  assert.equal((await as('session', 'open', '10.0.0.5:23')).code, 4);
  const all = await tunnel(['token', 'mint', '--data-dir', data, '--kind', 'operator', '--name', 'bob']);
  assert.match(all.stderr, /operator bob may reach all agents/);
  for (const [flags, code] of [
    [['--kind', 'operator', '--targets', '10.0.0.0/24'], 2],
    [['--kind', 'operator', '--uses', '2'], 2],
    [['--kind', 'agent', '--uses', '10001'], 2],
  ] as const)
    assert.equal((await local('token', 'mint', '--name', 'x', ...flags)).code, code, flags.join(' '));
});

test('targets hold on a live agent; a string that replaces the operator cuts what it no longer grants, within 5 s', async (t) => {
  const chain = await startChain(t);
  const [granted, other] = [await startTarget(t, (socket) => socket.pipe(socket)), await startTarget(t, (socket) => socket.pipe(socket))];
  const bob = join(chain.folder, 'bob');
  const login = async (...flags: string[]) => {
    const { stdout } = await succeed(['token', 'mint', '--data-dir', chain.gatewayFolder, '--kind', 'operator', '--name', 'bob', '--agents', 'web1', ...flags]);
    await succeed(['login', '--token-file', '-', '--config-dir', bob], { input: stdout });
  };
  await login('--targets', `127.0.0.0/8:${granted}`);
  const { host, port } = await connectTo(t, { ...chain, operatorFolder: bob }, `127.0.0.1:${granted}`);
  const socket = await dial(t, port, host);
  socket.write('hello');
  assert.equal(String((await once(socket, 'data'))[0]), 'hello');
  const refused = await tunnel(['connect', `127.0.0.1:${other}`, '--config-dir', bob, '--json']);
  assert.deepEqual([refused.code, /no grant for 127\.0\.0\.1/.test(refused.stdout)], [4, true], refused.stdout);

  const cutAt = readToEnd(socket).then(() => Date.now());
  await login('--targets', `127.0.0.0/8:${other}`, '--replace');
  const replaced = Date.now();
  assert.ok((await cutAt) - replaced < 5000, `cut ${(await cutAt) - replaced} ms after the login`);
  await connectTo(t, { ...chain, operatorFolder: bob }, `127.0.0.1:${other}`);
});
