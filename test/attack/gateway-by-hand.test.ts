// A gateway written by hand, with the server key of the real one and none of control's: it asks a real agent, over a real link, for what control has not signed. Nothing is reached, and the agent writes each denial down.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { enrol } from '../../src/lib/agent/enrol.ts';
import { startAgent } from '../../src/lib/agent/start.ts';
import { dataFolder, initCa } from '../../src/lib/gateway/data-folder.ts';
import { LinkSessions } from '../../src/lib/gateway/edge/sessions.ts';
import { startGateway } from '../../src/lib/gateway/start.ts';
import { gatewayControl } from '../../src/lib/link/control.ts';
import { openChannel } from '../../src/lib/link/open-channel.ts';
import { ALPN } from '../../src/lib/link/version.ts';
import type { Assignment } from '../../src/lib/protocol/messages.ts';
import { realWorld } from '../../src/lib/system/real-world.ts';
import { mintMaterial } from '../../src/lib/tokens/session-material.ts';
import { newSigningKey, readSigningKeys } from '../../src/lib/tokens/signing-keys.ts';
import type { Link } from '../../src/lib/transport/link.ts';
import { listenQuic } from '../../src/lib/transport/quic/listen.ts';
import { temporaryFolder } from '../support/cli.ts';
import { adminOf } from '../support/fleet.ts';
import { startTarget } from '../support/tcp.ts';

const world = realWorld({ level: 'silent' });
const hello = { kind: 'hello', software: 'by hand', os: 'linux', arch: 'x64', hostname: 'gw', capabilities: [] } as const;
const EVERYTHING: Assignment = {
  kind: 'assignment',
  subnets: ['0.0.0.0/0', '::/0', '127.0.0.0/8', '::1/128'],
  names: ['localhost'],
  ports: [[1, 65_535]],
  channels: ['tcp'],
};

interface Row {
  readonly code: string;
  readonly subject: string;
  readonly detail: Record<string, unknown>;
}

/** An enrolled agent whose gateway is now ours. */
async function takenOver(t: TestContext) {
  const folder = temporaryFolder(t);
  const [gatewayFolder, agentFolder] = [join(folder, 'gw'), join(folder, 'ag')];
  await initCa(gatewayFolder, world);
  const gateway = await startGateway({ dataDir: gatewayFolder, listen: '127.0.0.1:0' }, world);
  const minted = await adminOf({ gatewayFolder }).mintToken(
    { kind: 'agent', name: 'web1', routes: ['127.0.0.0/8', '::1', 'localhost'], expires_ms: 60_000 },
    t.signal,
  );
  const { agent_id: agentId } = await enrol(
    { dataDir: agentFolder, enrolmentString: minted.token, verify: false, os: 'linux', hostname: 'web1' },
    world,
    t.signal,
  );
  await gateway.close({ graceMs: 0 });

  const files = dataFolder(gatewayFolder);
  const read = (path: string) => readFileSync(path, 'utf8');
  const linked = Promise.withResolvers<Link>();
  const credentials = {
    certificatePem: read(files.serverCertificate),
    privateKeyPem: read(files.serverKey),
    trustedCaPem: read(files.caCertificate),
    alpn: ALPN,
  };
  const listener = await listenQuic(
    { at: { address: '127.0.0.1', port: Number(gateway.udp.split(':')[1]) }, credentials, secret: new Uint8Array(32), onLink: linked.resolve },
    world,
  );
  t.after(() => listener.close());
  const agent = await startAgent({ dataDir: agentFolder, transport: 'quic' }, world);
  t.after(() => agent.close());
  const link = await linked.promise;
  const control = await gatewayControl(link, hello, world, t.signal);
  const sessions = new LinkSessions(control, world.clock);
  (async () => {
    for await (const message of control.messages) {
      if (message.kind === 'session-ready' || message.kind === 'session-refused') sessions.hear(message);
      if (message.kind === 'heartbeat') await control.send({ kind: 'heartbeat-ack', sentAtMs: message.sentAtMs });
    }
  })().catch(() => {}); // with the link
  await control.send(EVERYTHING);
  await agent.online(t.signal);
  const written = async () => {
    await agent.close();
    return read(join(agentFolder, 'audit.jsonl'))
      .trim()
      .split('\n')
      .map((line): Row => JSON.parse(line));
  };
  return { agentId, link, control, sessions, written, keys: readSigningKeys(read(files.signingKeys)) };
}

test('a gateway by hand gets nowhere beyond what control has signed; what is signed goes', async (t) => {
  let reached = 0;
  const canary = await startTarget(t, (socket) => socket.end(`${++reached}`), '::');
  const good = await startTarget(t, (socket) => void socket.end('good'));
  const { agentId, link, control, sessions, written, keys } = await takenOver(t);
  const [key] = keys;
  const times = { now: Date.now(), expiresAt: Date.now() + 300_000 };
  const forbidden = `127.0.0.1:${canary}`;
  const newId = () => world.random.uuid();
  const base = (sessionId: string) => ({ sessionId, operator: 'alice', agentId, targets: ['*'], ports: ['1-65535'], kinds: ['tcp'] });
  const offer = (sessionId: string, material: string) => sessions.ensure({ sessionId, operator: 'alice', idleLimitMs: 900_000, material }, t.signal);
  const open = (target: string, sessionId: string) => openChannel(link, { sessionId, channelId: newId(), target }, world, t.signal);
  const refused: string[] = [];
  const refuses = async (what: string, sessionId: string, target: string, canonical: string) => {
    await assert.rejects(open(target, sessionId), { name: 'TunnelError' }, what);
    refused.push(`target:${canonical}`);
  };
  let ways = 0;

  // Material that the agent must not take.
  const altered = (signed: string, part: 0 | 1, change: object) => {
    const parts = signed.split('.');
    parts[part] = Buffer.from(JSON.stringify({ ...JSON.parse(Buffer.from(parts[part] ?? '', 'base64url').toString()), ...change })).toString('base64url');
    return parts.join('.');
  };
  const forgeries: Readonly<Record<string, (id: string) => Promise<string> | string>> = {
    'of three words': () => 'a.b.c',
    'a word': () => 'good',
    'no signature': async (id) => (await mintMaterial(base(id), key, times)).replace(/[^.]*$/, ''),
    'no algorithm': async (id) => altered(await mintMaterial(base(id), key, times), 0, { alg: 'none' }).replace(/[^.]*$/, ''),
    'another algorithm': async (id) => altered(await mintMaterial(base(id), key, times), 0, { alg: 'HS256' }),
    'a key of its own in the header': async (id) => altered(await mintMaterial(base(id), newSigningKey('k9'), times), 0, { jwk: newSigningKey('k9') }),
    'a signature of other claims': async (id) => altered(await mintMaterial({ ...base(id), targets: [] }, key, times), 1, { targets: ['*'] }),
    'by another key of the same name': async (id) => await mintMaterial(base(id), newSigningKey(key.kid), times),
    'by a key with another name': async (id) => await mintMaterial(base(id), newSigningKey('k2'), times),
    'for another agent': async (id) => await mintMaterial({ ...base(id), agentId: newId() }, key, times),
    'for another session': async () => await mintMaterial(base(newId()), key, times),
    'for another operator': async (id) => await mintMaterial({ ...base(id), operator: 'bob' }, key, times),
    'that has expired': async (id) => await mintMaterial(base(id), key, { now: times.now - 3_600_000, expiresAt: times.now - 120_000 }),
    'that is not valid yet': async (id) => await mintMaterial(base(id), key, { now: times.now + 3_600_000, expiresAt: times.now + 7_200_000 }),
  };
  for (const [what, make] of Object.entries(forgeries)) {
    const id = newId();
    const material = await make(id);
    await assert.rejects(offer(id, material), { name: 'TunnelError' }, `material ${what}`);
    await refuses(`material ${what}`, id, forbidden, forbidden);
    ways += 1;
  }

  // Material that does not say so, whatever else is asked.
  for (const [what, terms, asked, canonical] of [
    ['nothing granted', { targets: [] }, forbidden, forbidden],
    ['another target', { targets: [`127.0.0.1:${good}`] }, forbidden, forbidden],
    ['other ports of all hosts', { targets: [`*:${good}`] }, forbidden, forbidden],
    ['another network', { targets: ['10.0.0.0/8:1-65535'] }, forbidden, forbidden],
    ['IPv4 in IPv6', { targets: [`127.0.0.2:${canary}`] }, `[::ffff:127.0.0.1]:${canary}`, forbidden],
    ['names only', { targets: ['*.corp.example:1-65535'] }, forbidden, forbidden],
    ['a name that is not granted', { targets: ['127.0.0.0/8:1-65535'] }, `LocalHost:${canary}`, `localhost:${canary}`],
    ['no ports', { ports: [] }, forbidden, forbidden],
    ['another kind', { kinds: ['terminal'] }, forbidden, forbidden],
    ['what is no scope', { targets: ['127.0.0.1'] }, forbidden, forbidden],
  ] as const) {
    const id = newId();
    await offer(id, await mintMaterial({ ...base(id), ...terms }, key, times));
    await refuses(what, id, asked, canonical);
    ways += 1;
  }

  // A session for one target, and other spellings, sessions and times.
  const id = newId();
  await offer(id, await mintMaterial({ ...base(id), targets: [`127.0.0.1:${good}`] }, key, times));
  for (const [target, canonical] of [
    [`[::1]:${canary}`, `[::1]:${canary}`],
    [`[0:0:0:0:0:ffff:7f00:1]:${canary}`, forbidden],
    [`127.0.0.2:${good}`, `127.0.0.2:${good}`],
    [`localhost:${good}`, `localhost:${good}`],
    ['169.254.169.254:80', '169.254.169.254:80'],
    ['10.0.0.1:22', '10.0.0.1:22'],
    ...[`127.1:${canary}`, `0x7f.0.0.1:${canary}`, `2130706433:${canary}`, `0177.0.0.1:${canary}`, `127.0.0.1:${good}@web1`, `alice@127.0.0.1:${canary}`].map(
      (text) => [text, 'malformed'] as const,
    ),
    ...[`127.0.0.1%lo:${canary}`, `127.0.0.1:${good}:${canary}`, `127.0.0.1:0${good}`, '*', `127.0.0.1\0:${canary}`].map(
      (text) => [text, 'malformed'] as const,
    ),
  ] as const) {
    await refuses(target, id, target, canonical);
    ways += 1;
  }
  await refuses('a session that nobody opened', newId(), `127.0.0.1:${good}`, `127.0.0.1:${good}`);
  assert.equal(await text((await open(`127.0.0.1:${good}`, id)).stream), 'good');
  await control.send({ kind: 'session-close', sessionId: id, reason: 'over' });
  await refuses('a session that is over', id, `127.0.0.1:${good}`, `127.0.0.1:${good}`);
  ways += 2;

  assert.ok(ways >= 40, `${ways} ways`);
  assert.equal(reached, 0, 'the canary was reached');
  const rows = await written();
  const subjects = rows.filter(({ code }) => code === 'channel.refused').map(({ subject }) => subject);
  assert.deepEqual(subjects, refused);
  const notTaken = rows.filter(({ code }) => code === 'session.refused').map(({ detail }) => detail['code']);
  assert.equal(notTaken.length, Object.keys(forgeries).length);
  t.diagnostic(`${ways} ways, ${subjects.length} channel.refused and ${notTaken.length} session.refused rows of the agent`);
});
