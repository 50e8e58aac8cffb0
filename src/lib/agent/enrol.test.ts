// Enrolment against a small gateway over real HTTPS, real files, and a real QUIC link for the proof.
import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { temporaryFolder } from '../../../test/support/cli.ts';
import { makeTestCa, type TestCa } from '../../../test/support/test-ca.ts';
import { EnrollRequest, PATHS } from '../api/contract.ts';
import type { TunnelError } from '../base/errors.ts';
import type { World } from '../base/world.ts';
import { gatewayControl } from '../link/control.ts';
import { ALPN } from '../link/version.ts';
import { readCsr } from '../pki/csr.ts';
import { publicSpki } from '../pki/keys.ts';
import { issueAgentLeaf } from '../pki/leaf.ts';
import { realWorld } from '../system/real-world.ts';
import { mintEnrolment } from '../tokens/enrolment-string.ts';
import { newSigningKey, publicKeys } from '../tokens/signing-keys.ts';
import type { Link } from '../transport/link.ts';
import { listenQuic } from '../transport/quic/listen.ts';
import { type EnrolOptions, enrol } from './enrol.ts';
import { startAgent } from './start.ts';

const never = new AbortController().signal;
const world = realWorld({ level: 'silent' });
const ca = await makeTestCa();
const other = await makeTestCa();
const key = newSigningKey('k1');
const hello = { kind: 'hello', software: 'test', os: 'linux', arch: 'x64', hostname: 'here', capabilities: [] } as const;

interface Asked {
  readonly id: string;
  readonly spki: string;
  readonly bearer: string;
}

interface GatewayOptions {
  /** Whose certificates it hands out. */
  readonly issuer?: TestCa;
  /** Instead of answering: what happens to the nth enrolment, counted from 1. */
  readonly instead?: (asked: number) => 'drop' | number | undefined;
  /** Where the answer says that QUIC is. */
  readonly quicEndpoint?: () => string;
  readonly change?: (answer: Record<string, unknown>) => Record<string, unknown>;
}

/** First contact and enrolment, a token spent by the first key that brings it, as the real one. */
async function gateway(t: TestContext, { issuer = ca, instead, quicEndpoint = () => '127.0.0.1:9', change = (answer) => answer }: GatewayOptions = {}) {
  const asked: Asked[] = [];
  const spent = new Map<string, string>();
  const server = createServer({ key: ca.server.privateKeyPem, cert: ca.server.certificatePem }, async (request, response) => {
    if (request.url === PATHS.ca) return void response.end(JSON.stringify({ ca_pem: ca.caPem }));
    const body = EnrollRequest.parse(JSON.parse(await text(request)));
    const { spki } = await readCsr(body.csr_pem);
    const pin = createHash('sha256').update(spki).digest('hex');
    const bearer = request.headers.authorization?.slice('Bearer '.length) ?? '';
    asked.push({ id: body.agent_id, spki: pin, bearer });
    const status = (spent.get(bearer) ?? pin) === pin ? instead?.(asked.length) : 401;
    if (status !== 401) spent.set(bearer, pin);
    if (status === 'drop') return void response.destroy();
    if (status !== undefined) return void response.writeHead(status).end();
    const leaf = await issueAgentLeaf(issuer.authority, { agentId: body.agent_id, name: 'web1', spki, now: Date.now(), lifetimeMs: 86_400_000 });
    const answer = {
      agent_id: body.agent_id,
      client_cert_pem: leaf.certificatePem,
      gateway_ca_cert_pem: issuer.caPem,
      quic_endpoint: quicEndpoint(),
      server_spki_sha256: ca.server.spkiSha256,
      session_keys: publicKeys([key]),
    };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(change(answer)));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const mint = (claims: Partial<Parameters<typeof mintEnrolment>[0]> = {}) =>
    mintEnrolment({ tokenId: randomUUID(), gatewayUrl: url, agentName: 'web1', caSpkiSha256: ca.caSpkiSha256, tls: 'tunnel', ...claims }, key, {
      now: Date.now(),
      expiresAt: Date.now() + 60_000,
    });
  return { url, mint, asked };
}

function options(dataDir: string, enrolmentString: string, change: Partial<EnrolOptions> = {}): EnrolOptions {
  return { dataDir, enrolmentString, verify: false, os: 'linux', hostname: 'here', ...change };
}

function snapshot(folder: string): Record<string, string> {
  if (!existsSync(folder)) return {};
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile() && entry.name !== 'agent.lock');
  return Object.fromEntries(
    files.map((entry) => [join(entry.parentPath, entry.name).slice(folder.length + 1), readFileSync(join(entry.parentPath, entry.name), 'utf8')]),
  );
}

const configIn = (folder: string) => JSON.parse(readFileSync(join(folder, 'agent.json'), 'utf8')) as Record<string, unknown>;

test('key made here, certificate and CA stored, everything private', async (t) => {
  const { url, mint, asked } = await gateway(t);
  const folder = join(temporaryFolder(t), 'ag');
  const string = await mint();
  const enrolled = await enrol(options(folder, string), world, never);
  assert.deepEqual({ ...enrolled, not_after: '' }, { agent_id: asked[0]?.id, name: 'web1', gateway: url, not_after: '' });
  assert.ok(Date.parse(enrolled.not_after) > Date.now());
  const files = snapshot(folder);
  assert.deepEqual(Object.keys(files).sort(), ['agent.json', 'identity-1/ca.pem', 'identity-1/cert.pem', 'identity-1/key.pem']);
  assert.equal(
    createHash('sha256')
      .update(publicSpki(files['identity-1/key.pem'] ?? ''))
      .digest('hex'),
    asked[0]?.spki,
  );
  for (const name of ['', 'identity-1', ...Object.keys(files)]) assert.equal(statSync(join(folder, name)).mode & 0o077, 0, name);
  assert.equal(asked[0]?.bearer, string);
  assert.ok(!Object.values(files).some((content) => content.includes(string)), 'the string is not kept');
});

test('a second enrolment replaces the identity and keeps what it does not know', async (t) => {
  const { mint, asked } = await gateway(t);
  const folder = join(temporaryFolder(t), 'ag');
  await enrol(options(folder, await mint()), world, never);
  writeFileSync(join(folder, 'agent.json'), JSON.stringify({ ...configIn(folder), routes: ['10.0.0.0/8'], notes: { kept: true } }), { mode: 0o600 });
  await enrol(options(folder, await mint(), { quicEndpoint: '192.0.2.1:443' }), world, never);
  const config = configIn(folder);
  assert.deepEqual(
    [config['routes'], config['notes'], config['quic_endpoint'], config['identity']],
    [['10.0.0.0/8'], { kept: true }, '192.0.2.1:443', 'identity-2'],
  );
  assert.equal(config['agent_id'], asked[1]?.id);
  assert.notEqual(asked[0]?.spki, asked[1]?.spki);
  assert.deepEqual(Object.keys(snapshot(folder)).sort(), ['agent.json', 'identity-2/ca.pem', 'identity-2/cert.pem', 'identity-2/key.pem']);
});

test('the endpoint: flag before string before answer', async (t) => {
  const { mint } = await gateway(t);
  for (const [flag, claim, expected] of [
    ['192.0.2.1:1', '192.0.2.2:2', '192.0.2.1:1'],
    [undefined, '192.0.2.2:2', '192.0.2.2:2'],
    [undefined, undefined, '127.0.0.1:9'],
  ] as const) {
    const folder = join(temporaryFolder(t), 'ag');
    await enrol(options(folder, await mint({ quicEndpoint: claim }), { quicEndpoint: flag }), world, never);
    assert.equal(configIn(folder)['quic_endpoint'], expected);
  }
});

for (const [what, code, given, claims] of [
  ['a used, revoked, expired or unknown string', 'string.refused', { instead: () => 401 }, {}],
  ['an id that is taken', 'id.taken', { instead: () => 409 }, {}],
  ['another CA than the pinned one', 'pin.mismatch', {}, { caSpkiSha256: other.caSpkiSha256 }],
  ['an answer with another CA', 'pin.mismatch', { issuer: other }, {}],
  [
    'a certificate of another CA beside the pinned one',
    'certificate.refused',
    { issuer: other, change: (answer: Record<string, unknown>) => ({ ...answer, gateway_ca_cert_pem: ca.caPem }) },
    {},
  ],
  ['a certificate for another id', 'certificate.refused', { change: (answer: Record<string, unknown>) => ({ ...answer, agent_id: randomUUID() }) }, {}],
  [
    'a certificate for another key',
    'certificate.refused',
    { change: (answer: Record<string, unknown>) => ({ ...answer, client_cert_pem: ca.server.certificatePem }) },
    {},
  ],
  ['an endpoint that is none', 'address.malformed', { quicEndpoint: () => 'nowhere' }, {}],
  ['an answer of another shape', 'protocol.violation', { change: () => ({ agent_id: 7 }) }, {}],
] as const) {
  test(`${what}: the identity before stays, nothing else is left`, async (t) => {
    const good = await gateway(t);
    const folder = join(temporaryFolder(t), 'ag');
    await enrol(options(folder, await good.mint()), world, never);
    const before = snapshot(folder);
    const bad = await gateway(t, given);
    await assert.rejects(enrol(options(folder, await bad.mint(claims)), world, never), { code });
    assert.deepEqual(snapshot(folder), before);
    if (code === 'pin.mismatch' && 'caSpkiSha256' in claims) assert.deepEqual(bad.asked, [], 'the string was not sent');
  });
}

test('strings that are none touch no folder', async (t) => {
  const { mint } = await gateway(t);
  const folder = join(temporaryFolder(t), 'ag');
  const string = await mint();
  for (const bad of ['', 'nonsense', string.slice(0, string.lastIndexOf('.')), string.slice(0, -20)]) {
    await assert.rejects(enrol(options(folder, bad), world, never), { code: 'string.malformed' });
  }
  await assert.rejects(enrol(options(folder, string, { quicEndpoint: 'nowhere' }), world, never), { code: 'address.malformed' });
  assert.ok(!existsSync(folder));
});

test('an answer that was lost: the same command again finishes with the same key and id', async (t) => {
  const { mint, asked } = await gateway(t, { instead: (count) => (count === 2 ? 'drop' : undefined) });
  const folder = join(temporaryFolder(t), 'ag');
  await enrol(options(folder, await mint()), world, never);
  const first = configIn(folder);
  const string = await mint();
  await assert.rejects(enrol(options(folder, string), world, never), { code: 'gateway.unreachable' });
  assert.deepEqual(configIn(folder), first, 'the old identity is in force');
  await enrol(options(folder, string), world, never);
  assert.deepEqual([asked[2]?.spki, asked[2]?.id], [asked[1]?.spki, asked[1]?.id]);
  assert.equal(configIn(folder)['agent_id'], asked[1]?.id);
  assert.deepEqual(Object.keys(snapshot(folder)).sort(), ['agent.json', 'identity-2/ca.pem', 'identity-2/cert.pem', 'identity-2/key.pem']);
  await enrol(options(folder, string), world, never);
  assert.equal(asked.length, 3, 'a string that has done its work is not sent again');
});

test('killed at any write: the old identity works, and the same command again finishes', async (t) => {
  const { mint } = await gateway(t);
  for (let survived = 0; ; survived++) {
    const folder = join(temporaryFolder(t), 'ag');
    await enrol(options(folder, await mint()), world, never);
    const before = configIn(folder)['agent_id'];
    const string = await mint();
    const killed = dyingAfter(survived);
    const finished = await enrol(options(folder, string), killed, never).then(
      () => true,
      (error: unknown) => assert.match(String(error), /killed/),
    );
    const config = configIn(folder);
    const identity = snapshot(folder)[`${String(config['identity'])}/key.pem`];
    assert.ok(identity, 'the identity in force is complete');
    if (finished === true) return assert.ok(survived >= 6, `only ${survived} writes`);
    const again = await enrol(options(folder, string), world, never);
    assert.notEqual(again.agent_id, before);
    assert.equal(Object.keys(snapshot(folder)).length, 4, Object.keys(snapshot(folder)).join());
  }
});

/** As a process that was killed: from then on nothing is written, and nothing is tidied up. */
function dyingAfter(writes: number): World {
  let left = writes;
  const count =
    <Rest extends unknown[], Result>(act: (...rest: Rest) => Promise<Result>) =>
    async (...rest: Rest): Promise<Result> => {
      if (left-- <= 0) throw new Error('killed');
      return await act(...rest);
    };
  const { files } = world;
  return {
    ...world,
    files: {
      ...files,
      replaceAtomically: count(files.replaceAtomically),
      remove: count(files.remove),
      makePrivateDirectory: count(files.makePrivateDirectory),
    },
  };
}

test('loose modes, a broken configuration and a missing one are refused, with what to do', async (t) => {
  const { mint } = await gateway(t);
  const folder = join(temporaryFolder(t), 'ag');
  await assert.rejects(
    startAgent({ dataDir: folder }, world),
    (error: TunnelError) => error.code === 'agent.not-enrolled' && error.hint?.includes('tunnel agent enroll') === true,
  );
  assert.ok(!existsSync(folder));
  await enrol(options(folder, await mint()), world, never);
  for (const [name, loose, tight] of [
    ['identity-1/key.pem', 0o640, 0o600],
    ['agent.json', 0o604, 0o600],
    ['', 0o755, 0o700],
  ] as const) {
    chmodSync(join(folder, name), loose);
    await assert.rejects(startAgent({ dataDir: folder }, world), { code: 'file.loose-mode' });
    chmodSync(join(folder, name), tight);
  }
  writeFileSync(join(folder, 'agent.json'), '{"agent_id":7}', { mode: 0o600 });
  await assert.rejects(startAgent({ dataDir: folder }, world), { code: 'config.invalid', message: /agent_id/ });
  const loose = join(temporaryFolder(t), 'loose');
  mkdirSync(loose, { mode: 0o755 });
  chmodSync(loose, 0o755);
  await assert.rejects(enrol(options(loose, await mint()), world, never), { code: 'file.loose-mode' });
  assert.deepEqual(readdirSync(loose), []);
});

/** The QUIC side of a gateway: `serve` has each link. */
async function quicGateway(t: TestContext, serve: (link: Link) => Promise<unknown>, server = ca.server) {
  const listener = await listenQuic(
    {
      at: { address: '127.0.0.1', port: 0 },
      credentials: { certificatePem: server.certificatePem, privateKeyPem: server.privateKeyPem, trustedCaPem: ca.caPem, alpn: ALPN },
      secret: new Uint8Array(32),
      onLink: (link) => void serve(link).catch(() => link.close()),
    },
    world,
  );
  t.after(() => listener.close());
  return { endpoint: `127.0.0.1:${listener.at.port}`, listener };
}

async function answering(link: Link): Promise<void> {
  const control = await gatewayControl(link, hello, world, never);
  if (control.version === 2) await control.send({ kind: 'assignment', subnets: ['10.0.0.0/24'], names: [], ports: [[22, 22]], channels: ['tcp'] });
  for await (const message of control.messages) if (message.kind === 'heartbeat') await control.send({ kind: 'heartbeat-ack', sentAtMs: message.sentAtMs });
}

test('a proved link, then an agent that is online, locked, and comes back after its link was cut', async (t) => {
  const links: Link[] = [];
  const { endpoint } = await quicGateway(t, (link) => {
    links.push(link);
    return answering(link);
  });
  const { url, mint } = await gateway(t, { quicEndpoint: () => endpoint });
  const folder = join(temporaryFolder(t), 'ag');
  await enrol(options(folder, await mint(), { verify: true }), world, never);
  assert.equal(links.length, 1);
  await links[0]?.closed;

  await using agent = await startAgent({ dataDir: folder }, world);
  assert.deepEqual(await agent.online(never), { gateway: url, transport: 'quic', routes: ['10.0.0.0/24'] });
  await assert.rejects(startAgent({ dataDir: folder }, world), { code: 'state.locked' });
  await assert.rejects(enrol(options(folder, await mint()), world, never), { code: 'state.locked' });
  await links[1]?.close(3, 'cut by the test');
  while (links.length < 3) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual((await agent.online(never)).routes, ['10.0.0.0/24']);
  await agent.close();
  assert.deepEqual(await links[2]?.closed, { by: 'peer', code: 4, reason: 'shutting down' });
  await agent.stopped;
});

test('a proof that fails says so, and that the identity is stored; the same command again proves it', async (t) => {
  let up = false;
  const { endpoint } = await quicGateway(t, (link) => (up ? answering(link) : link.close(2, 'not today')));
  const { mint, asked } = await gateway(t, { quicEndpoint: () => endpoint });
  const folder = join(temporaryFolder(t), 'ag');
  const string = await mint();
  await assert.rejects(enrol(options(folder, string, { verify: true }), world, never), (error: TunnelError) => {
    assert.match(error.message, /^enrolled as web1, but no link to https:.* works: .*not today/);
    assert.match(error.hint ?? '', /identity is stored/);
    return error.code === 'certificate.refused';
  });
  up = true;
  await enrol(options(folder, string, { verify: true }), world, never);
  assert.equal(asked.length, 1);
});

test('a gateway with a certificate of another CA gets no link', async (t) => {
  const { endpoint } = await quicGateway(t, answering, other.server);
  const { mint } = await gateway(t, { quicEndpoint: () => endpoint });
  await assert.rejects(enrol(options(join(temporaryFolder(t), 'ag'), await mint(), { verify: true }), world, never), { code: 'certificate.refused' });
});

/** Twenty times as fast. */
const hurried: World = {
  ...world,
  clock: { ...world.clock, monotonic: () => world.clock.monotonic() * 20, after: (ms, callback) => world.clock.after(ms / 20, callback) },
};

test('UDP that is dropped: the error names UDP and the port', async (t) => {
  const hole = await world.net.bindUdp({ address: '127.0.0.1', port: 0 }, () => {});
  t.after(() => hole.close());
  const { mint } = await gateway(t, { quicEndpoint: () => `127.0.0.1:${hole.at.port}` });
  const port = String(hole.at.port);
  await assert.rejects(enrol(options(join(temporaryFolder(t), 'ag'), await mint(), { verify: true }), hurried, never), (error: TunnelError) => {
    assert.equal(error.code, 'gateway.silent');
    return error.message.includes('UDP') && error.message.includes(port);
  });
});
