// Enrolment is a success when a link was seen to work (E13): what it says where none does, that the same command goes on, and that enrolling again is safe.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { realWorld } from '../../src/lib/system/real-world.ts';
import { listenQuic } from '../../src/lib/transport/quic/listen.ts';
import { start } from '../support/cli.ts';
import { assertEnrolledOnce, assertTidy, codeOf, configOf, contentOf, type EnrolmentStand, enroll, startEnrolmentStand } from '../support/enrolment-stand.ts';
import { type TcpRelay, tcpRelay } from '../support/tcp-relay.ts';
import { makeTestCa } from '../support/test-ca.ts';
import { type UdpProxy, udpProxy } from '../support/udp-proxy.ts';

/** First contact and the enrolment itself. */
const FOR_THE_API = 2;

interface Walled {
  readonly stand: EnrolmentStand;
  readonly tcp: TcpRelay;
  readonly udp: UdpProxy;
  readonly dataDir: string;
  /** Through both. */
  enroll(string: string): ReturnType<typeof enroll>;
  mint(): Promise<string>;
}

/** A gateway behind a network that the test rules. */
async function walled(t: TestContext): Promise<Walled> {
  const placeOf = (text: string) => ({ address: text.slice(0, text.lastIndexOf(':')), port: Number(text.slice(text.lastIndexOf(':') + 1)) });
  const stand = await startEnrolmentStand(t);
  const [tcp, udp] = [await tcpRelay(t, placeOf(stand.tcp)), await udpProxy(t, placeOf(stand.udp))];
  const dataDir = join(stand.folder, 'ag');
  return {
    stand,
    tcp,
    udp,
    dataDir,
    enroll: (string) => enroll(string, dataDir, { flags: ['--quic-endpoint', `127.0.0.1:${udp.at.port}`] }),
    async mint() {
      const [name, public_url] = [`web-${randomUUID().slice(0, 8)}`, `https://127.0.0.1:${tcp.at.port}`];
      return (await stand.admin.mintToken({ kind: 'agent', name, routes: [], expires_ms: 3_600_000, replace: false, public_url }, t.signal)).token;
    },
  };
}

function assertStoredOnly(finished: Awaited<ReturnType<typeof enroll>>, code: string, exit: number, dataDir: string): void {
  assert.deepEqual([codeOf(finished), finished.code], [code, exit], finished.stdout);
  const { error } = finished.json() as { error: { message: string; hint: string } };
  assert.match(error.message, /^enrolled as web-\S+, but no link to https:\S+ works: /);
  assert.match(error.hint, /identity is stored in .*tunnel agent start/);
  assertTidy(dataDir);
}

test('UDP dropped and TCP shut: exit 7, both named; the same command again proves it, and asks for nothing a second time', async (t) => {
  const { stand, tcp, udp, dataDir, enroll, mint } = await walled(t);
  udp.pass = () => false;
  tcp.allow(FOR_THE_API);
  const string = await mint();
  const first = await enroll(string);
  assertStoredOnly(first, 'gateway.silent', 7, dataDir);
  assert.match(first.stdout, new RegExp(`UDP 127.0.0.1:${udp.at.port}; cannot reach the gateway`));
  const before = contentOf(dataDir);
  tcp.allow(0);
  assertStoredOnly(await enroll(string), 'gateway.silent', 7, dataDir);
  tcp.allow(Number.POSITIVE_INFINITY);
  udp.pass = () => true;
  const again = await enroll(string);
  assert.equal(again.code, 0, again.stdout);
  assert.deepEqual(contentOf(dataDir), before);
  const { agents } = await stand.admin.listAgents({}, t.signal);
  assert.deepEqual(
    agents.map(({ id }) => id),
    [again.json()['agent_id']],
  );
});

test('UDP dropped and TCP open: proved over TLS', async (t) => {
  const { udp, enroll, mint } = await walled(t);
  udp.pass = () => false;
  const finished = await enroll(await mint());
  assert.equal(finished.code, 0, finished.stdout);
});

test('somebody else at the UDP port and TCP shut: exit 3', async (t) => {
  const { stand, tcp, dataDir, mint } = await walled(t);
  const other = await makeTestCa();
  const listener = await listenQuic(
    {
      at: { address: '127.0.0.1', port: 0 },
      credentials: {
        certificatePem: other.server.certificatePem,
        privateKeyPem: other.server.privateKeyPem,
        trustedCaPem: other.caPem,
        alpn: ['gw-agent-tunnel/2'],
      },
      secret: new Uint8Array(32),
      onLink: (link) => void link.close(),
    },
    realWorld({ level: 'silent' }),
  );
  t.after(() => listener.close());
  tcp.allow(FOR_THE_API);
  const finished = await enroll(await mint(), dataDir, { flags: ['--quic-endpoint', `127.0.0.1:${listener.at.port}`] });
  assertStoredOnly(finished, 'certificate.refused', 3, dataDir);
  assert.equal((await enroll(await stand.mint('web2'), dataDir)).code, 0);
});

test('while the agent runs its folder is not touched: exit 8, the string is not spent, the agent goes on', async (t) => {
  const stand = await startEnrolmentStand(t);
  const dataDir = join(stand.folder, 'ag');
  assert.equal((await enroll(await stand.mint('web1'), dataDir)).code, 0);
  const agent = start(t, ['agent', 'start', '--data-dir', dataDir]);
  await agent.event('ready');
  const before = contentOf(dataDir);
  const string = await stand.mint('web2');
  const finished = await enroll(string, dataDir);
  assert.deepEqual([codeOf(finished), finished.code], ['state.locked', 8], finished.stdout);
  assert.deepEqual(contentOf(dataDir), before);
  assert.equal((await stand.admin.getAgent('web1', t.signal)).state, 'online');
  assert.equal((await enroll(string, join(stand.folder, 'ag2'))).code, 0, 'the string still works');
});

test('the same command four times at once: one identity, and whoever does not wait for it is told that the folder is in use', async (t) => {
  const stand = await startEnrolmentStand(t);
  const dataDir = join(stand.folder, 'ag');
  const string = await stand.mint('web1');
  const outcomes = await Promise.all(Array.from({ length: 4 }, () => enroll(string, dataDir, { flags: ['--no-verify'] })));
  const codes = outcomes.map((finished) => (finished.code === 0 ? 0 : codeOf(finished)));
  assert.ok(codes.includes(0), codes.join());
  assert.deepEqual(
    codes.filter((code) => code !== 0 && code !== 'state.locked'),
    [],
  );
  assert.equal((await enroll(string, dataDir)).code, 0);
  assertTidy(dataDir);
  await assertEnrolledOnce(stand, 'web1', dataDir, t.signal);
});

test('--replace: the same id with a new key, the old link is cut, and the old identity is never let in again', async (t) => {
  const stand = await startEnrolmentStand(t);
  const [old, fresh] = [join(stand.folder, 'old'), join(stand.folder, 'fresh')];
  assert.equal((await enroll(await stand.mint('web1'), old)).code, 0);
  const agent = start(t, ['agent', 'start', '--data-dir', old]);
  await agent.event('ready');
  const id = configOf(old)['agent_id'];
  const replaced = await enroll(await stand.mint('web1', { replace: true }), fresh, { flags: ['--no-verify'] });
  assert.equal(replaced.json()['agent_id'], id);
  const row = await stand.admin.getAgent('web1', t.signal);
  assert.deepEqual([row.state, row.links], ['offline', []], 'its link was closed before the answer');
  const again = start(t, ['agent', 'start', '--data-dir', fresh]);
  await again.event('ready');
  assert.notEqual(readKey(old), readKey(fresh));
  await agent.stop();
  const refused = start(t, ['agent', 'start', '--data-dir', old, '--wait', '2s']);
  await assert.rejects(refused.event('ready'), /timeout/);
  assert.equal((await stand.admin.getAgent('web1', t.signal)).state, 'online');
});

function readKey(dataDir: string): string {
  return readFileSync(join(dataDir, String(configOf(dataDir)['identity']), 'key.pem'), 'utf8');
}
