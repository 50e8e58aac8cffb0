import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { apiClient } from '../api/client.ts';
import { tlsExchange } from '../api/exchange-tls.ts';
import { TunnelError } from '../base/errors.ts';
import { certificateFacts } from '../pki/certificate-facts.ts';
import { makeCsr } from '../pki/csr.ts';
import { generateKeyPem } from '../pki/keys.ts';
import { openStore } from '../store/open.ts';
import { wayOut } from '../streams/dial-tls.ts';
import { silentLog } from '../system/log.ts';
import { realWorld } from '../system/real-world.ts';
import { hashSecret, newCredential } from '../tokens/secret.ts';
import { initCa } from './data-folder.ts';
import { openGateway } from './open.ts';
import { startGateway } from './start.ts';

const world = realWorld({ log: silentLog });
const HOUR = 3_600_000;

async function folder(t: TestContext): Promise<string> {
  const parent = await mkdtemp(join(tmpdir(), 'tunnel-gateway-'));
  t.after(() => rm(parent, { recursive: true }));
  return join(parent, 'gw');
}

test('without a CA nothing starts, and the hint says what to do', async (t) => {
  const dataDir = await folder(t);
  await assert.rejects(startGateway({ dataDir }, world), { code: 'ca.missing' });
  await assert.rejects(openGateway({ dataDir }, world), { code: 'ca.missing' });
  await assert.rejects(stat(dataDir), { code: 'ENOENT' });
});

test('ca init makes keys that nobody else can read, once', async (t) => {
  const dataDir = await folder(t);
  const { pin, caFile } = await initCa(dataDir, world);
  assert.equal(certificateFacts(await readFile(caFile)).spkiSha256, pin);
  for (const name of ['ca-key.pem', 'ca-cert.pem', 'signing-keys.json', 'secrets.json'])
    assert.equal((await stat(join(dataDir, name))).mode & 0o777, 0o600, name);
  const before = await readFile(join(dataDir, 'ca-key.pem'), 'utf8');
  await assert.rejects(initCa(dataDir, world), { code: 'ca.exists' });
  assert.equal(await readFile(join(dataDir, 'ca-key.pem'), 'utf8'), before);
});

test('a gateway waits for a command that is at work on its folder, and asking how it is does not stand in its way', async (t) => {
  const dataDir = await folder(t);
  await initCa(dataDir, world);
  const command = await openGateway({ dataDir }, world);
  await assert.rejects(openGateway({ dataDir, running: true }, world), { code: 'gateway.unreachable' });
  const starting = startGateway({ dataDir, listen: '127.0.0.1:0' }, world);
  await command[Symbol.asyncDispose]();
  const gateway = await starting;
  await using running = await openGateway({ dataDir, running: true }, world);
  assert.equal((await running.client.status(t.signal)).state, 'running');
  await gateway.close();
});

test('one port for TCP and UDP, stored and used again; the key of the server stays when its name changes', async (t) => {
  const dataDir = await folder(t);
  await initCa(dataDir, world);
  const first = await startGateway({ dataDir, listen: '127.0.0.1:0' }, world);
  await assert.rejects(startGateway({ dataDir }, world), { code: 'state.locked' });
  await first.close();
  assert.equal(first.tcp, first.udp);
  assert.equal(first.url, `https://${first.tcp}`);
  const certificate = await readFile(join(dataDir, 'server-cert.pem'));

  const second = await startGateway({ dataDir, publicUrl: 'https://gw.example:8443' }, world);
  await second.close();
  assert.equal(second.tcp, first.tcp);
  const renamed = await readFile(join(dataDir, 'server-cert.pem'));
  assert.notDeepEqual(renamed, certificate);
  assert.equal(certificateFacts(renamed).spkiSha256, certificateFacts(certificate).spkiSha256);

  const third = await startGateway({ dataDir }, world);
  await third.close();
  assert.equal(third.url, 'https://gw.example:8443');
  assert.deepEqual(await readFile(join(dataDir, 'server-cert.pem')), renamed);
});

test('minting before the first start needs a public URL; afterwards it works with and without a running gateway', async (t) => {
  const dataDir = await folder(t);
  await initCa(dataDir, world);
  const mint = async (name: string, more = {}) => {
    await using gateway = await openGateway({ dataDir }, world);
    return await gateway.client.mintToken({ kind: 'agent', name, expires_ms: HOUR, ...more }, t.signal);
  };
  await assert.rejects(mint('web1'), { code: 'gateway.never-started' });
  await mint('web1', { public_url: 'https://gw.example:8443' });
  await using gateway = await startGateway({ dataDir, listen: '127.0.0.1:0' }, world);
  await mint('web2');
  await gateway.close();
  await mint('web3');
  await using opened = await openGateway({ dataDir }, world);
  const { tokens } = await opened.client.listTokens({}, t.signal);
  assert.deepEqual(
    tokens.map(({ name, state }) => [name, state]),
    [
      ['web1', 'open'],
      ['web2', 'open'],
      ['web3', 'open'],
    ],
  );
  const { rows } = await opened.client.audit({}, t.signal);
  assert.deepEqual(
    rows.map(({ code }) => code),
    ['ca.created', 'token.minted', 'gateway.started', 'token.minted', 'gateway.stopped', 'token.minted'],
  );
});

test('enrol, log in and ask over TLS, each by its own string', async (t) => {
  const dataDir = await folder(t);
  const { pin } = await initCa(dataDir, world);
  await using gateway = await startGateway({ dataDir, listen: '127.0.0.1:0' }, world);
  await using local = await openGateway({ dataDir }, world);
  const agentString = (await local.client.mintToken({ kind: 'agent', name: 'web1', routes: ['10.0.0.0/24'], expires_ms: HOUR }, t.signal)).token;
  const operatorString = (await local.client.mintToken({ kind: 'operator', name: 'alice', agents: ['web1'], expires_ms: HOUR }, t.signal)).token;
  const over = (bearer?: string) => apiClient(tlsExchange({ url: gateway.url, trust: { pin }, ...(bearer && { bearer }) }, wayOut(world)));

  const key = await generateKeyPem();
  const request = { agent_id: randomUUID(), csr_pem: await makeCsr(key, 'web1'), os: 'linux' };
  const enrolled = await over(agentString).enroll(request, t.signal);
  assert.deepEqual(await over(agentString).enroll(request, t.signal), enrolled, 'the same key gets the same answer');
  await assert.rejects(over(agentString).enroll({ ...request, csr_pem: await makeCsr(await generateKeyPem(), 'web1') }, t.signal), { code: 'string.refused' });
  assert.equal(enrolled.quic_endpoint, gateway.udp);

  const credential = newCredential();
  const made = { credential_sha256: hashSecret(credential) };
  const loggedIn = await over(operatorString).login(made, t.signal);
  assert.equal(loggedIn.operator, 'alice');
  assert.deepEqual(await over(operatorString).login(made, t.signal), loggedIn, 'the same credential gets the same answer');
  await assert.rejects(over(operatorString).login({ credential_sha256: hashSecret(newCredential()) }, t.signal), { code: 'string.refused' });
  await assert.rejects(over('nonsense').whoami(t.signal), { code: 'login.refused' });
  const alice = over(credential);
  assert.deepEqual(
    (await alice.listAgents({}, t.signal)).agents.map(({ name, state, ports, allowed_routes }) => ({ name, state, ports, allowed_routes })),
    [{ name: 'web1', state: 'offline', ports: ['22', '5900'], allowed_routes: ['10.0.0.0/24'] }],
  );
  await assert.rejects(alice.openSession({ targets: ['10.0.0.5:22'] }, t.signal), { code: 'agent.offline' });
  await assert.rejects(alice.openSession({ targets: ['10.0.0.5:23'] }, t.signal), { code: 'policy.denied' });
  await assert.rejects(alice.openSession({ targets: ['192.0.2.1:22'] }, t.signal), { code: 'route.none' });
  await assert.rejects(alice.mintToken({ kind: 'admin', name: 'eve', expires_ms: HOUR }, t.signal), { code: 'scope.missing' });
  await assert.rejects(alice.deleteAgent('web1', t.signal), { code: 'scope.missing' });
  assert.equal((await alice.resolve({ target: '10.0.0.5:22' }, t.signal)).decision.via, 'none');

  await local.client.deleteAgent('web1', t.signal);
  await assert.rejects(local.client.getAgent('web1', t.signal), { code: 'agent.unknown' });
  await alice.logout(t.signal);
  await assert.rejects(alice.whoami(t.signal), { code: 'login.refused' });
});

test('a port that is free for UDP and taken for TCP is not insisted on', async (t) => {
  const dataDir = await folder(t);
  await initCa(dataDir, world);
  const tried: number[] = [];
  const listen: typeof world.net.listen = async (at, onConnection) => {
    if ('path' in at) return await world.net.listen(at, onConnection);
    tried.push(at.port);
    if (tried.length < 3) throw new TunnelError('port.in-use', 'taken');
    return await world.net.listen(at, onConnection);
  };
  await using gateway = await startGateway({ dataDir, listen: '127.0.0.1:0' }, { ...world, net: { ...world.net, listen } });
  assert.equal(tried.length, 3);
  assert.equal(gateway.tcp, gateway.udp);
  assert.equal(gateway.tcp, `127.0.0.1:${tried[2]}`);
});

test('a fixed port that is taken is an error that leaves nothing behind', async (t) => {
  const [dataDir, other] = [await folder(t), await folder(t)];
  await initCa(dataDir, world);
  await initCa(other, world);
  await using gateway = await startGateway({ dataDir, listen: '127.0.0.1:0' }, world);
  await assert.rejects(startGateway({ dataDir: other, listen: gateway.tcp }, world), { code: 'port.in-use' });
  await assert.rejects(stat(join(other, 'gateway.json')), { code: 'ENOENT' });
  await using free = await startGateway({ dataDir: other, listen: '127.0.0.1:0' }, world);
  assert.notEqual(free.tcp, gateway.tcp);
});

test('sessions that a killed gateway left live are ended by the next one', async (t) => {
  const dataDir = await folder(t);
  await initCa(dataDir, world);
  const ids = { agentId: randomUUID(), operatorId: randomUUID(), id: randomUUID() };
  {
    await using store = await openStore(join(dataDir, 'gateway.db'), world);
    await store.agents.insert({ id: ids.agentId, name: 'web1', allowedRoutes: [], ports: null, os: null, hostname: null });
    await store.operators.upsert({ id: ids.operatorId, name: 'alice', kind: 'operator', agents: null, targets: null });
    await store.sessions.openOrJoin({ ...ids, newTunnelId: randomUUID() });
  }
  await writeFile(join(dataDir, 'control.sock'), ''); // and its socket
  await (await startGateway({ dataDir, listen: '127.0.0.1:0' }, world)).close();
  await using store = await openStore(join(dataDir, 'gateway.db'), world);
  assert.equal((await store.sessions.byId(ids.id))?.reason, 'gateway-restarted');
  assert.deepEqual(
    (await store.audit.list(0, 100)).rows.map(({ code }) => code),
    ['ca.created', 'session.ended', 'gateway.started', 'gateway.stopped'],
  );
});

test('a database that is gone is not begun anew', async (t) => {
  const dataDir = await folder(t);
  await initCa(dataDir, world);
  await rm(join(dataDir, 'gateway.db'));
  await assert.rejects(startGateway({ dataDir, listen: '127.0.0.1:0' }, world), { code: 'store.corrupt' });
  await assert.rejects(openGateway({ dataDir }, world), { code: 'store.corrupt' });
});

test('loose modes are refused, naming the fix', async (t) => {
  const dataDir = await folder(t);
  await initCa(dataDir, world);
  await chmod(dataDir, 0o755);
  await assert.rejects(startGateway({ dataDir, listen: '127.0.0.1:0' }, world), { code: 'file.loose-mode' });
  await chmod(dataDir, 0o700);
  await chmod(join(dataDir, 'ca-key.pem'), 0o644);
  await assert.rejects(openGateway({ dataDir }, world), { code: 'file.loose-mode' });
});
