// An agent that enrols at something that answers as no gateway should: a clear error and its exit code, the identity before untouched, no secret left or shown.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { enrol } from '../../src/lib/agent/enrol.ts';
import { EnrollRequest, PATHS } from '../../src/lib/api/contract.ts';
import { TunnelError } from '../../src/lib/base/errors.ts';
import { EXIT_CODES } from '../../src/lib/cli/exit-codes.ts';
import { readCsr } from '../../src/lib/pki/csr.ts';
import { issueAgentLeaf } from '../../src/lib/pki/leaf.ts';
import { realWorld } from '../../src/lib/system/real-world.ts';
import { mintEnrolment } from '../../src/lib/tokens/enrolment-string.ts';
import { newSigningKey } from '../../src/lib/tokens/signing-keys.ts';
import { temporaryFolder } from '../support/cli.ts';
import { assertTidy, codeOf, configOf, contentOf, enroll } from '../support/enrolment-stand.ts';
import { makeTestCa } from '../support/test-ca.ts';

const MIB = 1024 * 1024;
const world = realWorld({ level: 'silent' });
const ca = await makeTestCa();
const other = await makeTestCa();
const key = newSigningKey('k1');

interface GoodAnswer {
  readonly agent_id: string;
  readonly client_cert_pem: string;
  readonly gateway_ca_cert_pem: string;
  readonly quic_endpoint: string;
  readonly server_spki_sha256: string;
}
/** Says what the nth enrolment gets instead of the answer that would be right. */
type Answering = (response: ServerResponse, good: GoodAnswer) => unknown;

interface Odd {
  readonly enrolment?: Answering;
  readonly firstContact?: (response: ServerResponse) => unknown;
}

/** Hand-written: our own gateway refuses to misbehave. Answers rightly once `odd` is empty. */
async function falseGateway(t: TestContext) {
  const state = { odd: {} as Odd, asked: 0 };
  const server = createServer({ key: ca.server.privateKeyPem, cert: ca.server.certificatePem }, async (request, response) => {
    if (request.url === PATHS.ca) return void (state.odd.firstContact ?? ((to) => to.end(JSON.stringify({ ca_pem: ca.caPem }))))(response);
    state.asked += 1;
    const { agent_id, csr_pem } = EnrollRequest.parse(JSON.parse(await text(request)));
    const { spki } = await readCsr(csr_pem);
    const leaf = await issueAgentLeaf(ca.authority, { agentId: agent_id, name: 'web1', spki, now: Date.now(), lifetimeMs: 86_400_000 });
    const good: GoodAnswer = {
      agent_id,
      client_cert_pem: leaf.certificatePem,
      gateway_ca_cert_pem: ca.caPem,
      quic_endpoint: '127.0.0.1:9',
      server_spki_sha256: ca.server.spkiSha256,
    };
    await (state.odd.enrolment ?? ((to) => to.end(JSON.stringify(good))))(response, good);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  const claims = { gatewayUrl: `https://127.0.0.1:${address.port}`, agentName: 'web1', tls: 'tunnel' } as const;
  const times = () => ({ now: Date.now(), expiresAt: Date.now() + 600_000 });
  const mint = (caSpkiSha256 = ca.caSpkiSha256) => mintEnrolment({ ...claims, tokenId: randomUUID(), caSpkiSha256 }, key, times());
  return { state, mint };
}

const instead =
  (change: (good: GoodAnswer) => object | Promise<object>): Answering =>
  async (response, good) =>
    response.end(JSON.stringify({ ...good, ...(await change(good)) }));
const says =
  (status: number, body: string): Answering =>
  (response) =>
    response.writeHead(status).end(body);

const kinds: readonly (readonly [what: string, odd: Odd, code: string, exit: number, keepsKey?: boolean])[] = [
  ['a page', { enrolment: says(200, '<html>hello</html>') }, 'protocol.violation', 1],
  ['nothing', { enrolment: says(200, '') }, 'protocol.violation', 1],
  ['another shape', { enrolment: says(200, '{"agent_id":7,"client_cert_pem":[]}') }, 'protocol.violation', 1],
  ['2 MiB', { enrolment: says(200, 'x'.repeat(2 * MIB)) }, 'protocol.violation', 1],
  ['a body without end', { enrolment: (response) => endless(response) }, 'protocol.violation', 1],
  ['bytes that are no HTTP', { enrolment: (response) => response.socket?.end('\0\0rubbish\r\n\r\n') }, 'gateway.unreachable', 6, true],
  ['a cut connection', { enrolment: (response) => response.destroy() }, 'gateway.unreachable', 6, true],
  [
    'half an answer',
    { enrolment: (response) => response.writeHead(200, { 'content-length': '1000' }).write('{', () => response.destroy()) },
    'gateway.unreachable',
    6,
    true,
  ],
  ['500', { enrolment: says(500, 'oops') }, 'internal', 1, true],
  ['503 of a busy store', { enrolment: says(503, '{"error":{"code":"store.busy","message":"busy"}}') }, 'store.busy', 9, true],
  ['401', { enrolment: says(401, '') }, 'string.refused', 3],
  ['429', { enrolment: says(429, '') }, 'limit.reached', 9],
  ["another agent's certificate", { enrolment: instead(async () => ({ client_cert_pem: (await ca.agent()).certificatePem })) }, 'certificate.refused', 3],
  [
    'a certificate for this id and another key',
    { enrolment: instead(async ({ agent_id }) => ({ client_cert_pem: (await ca.agent('web1', agent_id)).certificatePem })) },
    'certificate.refused',
    3,
  ],
  ['this certificate for another id', { enrolment: instead(() => ({ agent_id: randomUUID() })) }, 'certificate.refused', 3],
  ["a server's certificate", { enrolment: instead(() => ({ client_cert_pem: ca.server.certificatePem })) }, 'certificate.refused', 3],
  ['no certificate', { enrolment: instead(() => ({ client_cert_pem: '' })) }, 'certificate.refused', 3],
  [
    'a certificate that is none',
    { enrolment: instead(() => ({ client_cert_pem: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n' })) },
    'certificate.refused',
    3,
  ],
  ['the CA of somebody else', { enrolment: instead(() => ({ gateway_ca_cert_pem: other.caPem })) }, 'pin.mismatch', 3],
  ['an endpoint that is none', { enrolment: instead(() => ({ quic_endpoint: 'nowhere' })) }, 'address.malformed', 2],
  ['first contact: a page', { firstContact: (response) => response.end('<html>') }, 'protocol.violation', 1],
  ['first contact: a body without end', { firstContact: endless }, 'protocol.violation', 1],
  ['first contact: no certificate', { firstContact: (response) => response.end('{"ca_pem":"nothing"}') }, 'pin.mismatch', 3],
  ['first contact: another CA', { firstContact: (response) => response.end(JSON.stringify({ ca_pem: other.caPem })) }, 'pin.mismatch', 3],
];

/** The outcome of one enrolment: code and exit code of its error, and all that it would show. */
type Attempt = (string: string, dataDir: string) => Promise<{ code: unknown; exit: number | null; shown: string }>;

const inProcess: Attempt = async (enrolmentString, dataDir) => {
  try {
    await enrol({ dataDir, enrolmentString, verify: false, os: 'linux', hostname: 'here' }, world, new AbortController().signal);
    return { code: undefined, exit: 0, shown: '' };
  } catch (error) {
    if (!(error instanceof TunnelError)) throw error;
    return { code: error.code, exit: EXIT_CODES[error.kind], shown: JSON.stringify(error) };
  }
};
const byCommand: Attempt = async (string, dataDir) => {
  const finished = await enroll(string, dataDir, { flags: ['--no-verify'] });
  return { code: codeOf(finished), exit: finished.code, shown: finished.stdout + finished.stderr };
};
/** One for each exit code goes through the command itself, which takes a second each. */
const commanded = kinds.filter(([, , , exit], index) => kinds.findIndex((kind) => kind[3] === exit) === index);

for (const [how, attempt, tried] of [
  ['in this process', inProcess, kinds],
  ['tunnel agent enroll', byCommand, commanded],
] as const) {
  test(`what a gateway must not answer, ${how}: the exit code says what it was, the identity before stays, nothing secret is left`, async (t) => {
    const { state, mint } = await falseGateway(t);
    const dataDir = join(temporaryFolder(t), 'ag');
    assert.equal((await attempt(await mint(), dataDir)).exit, 0);
    for (const [what, odd, code, exit, keepsKey = false] of tried) {
      const before = contentOf(dataDir);
      const string = await mint();
      Object.assign(state, { odd, asked: 0 });
      const met = await attempt(string, dataDir);
      assert.deepEqual([met.code, met.exit], [code, exit], `${what}: ${met.shown}`);
      assert.equal(state.asked, odd.firstContact === undefined ? 1 : 0, `${what}: how often the string was sent`);
      assert.ok(!met.shown.includes(string.slice(-40)) && !met.shown.includes('PRIVATE KEY'), `${what}: a secret was shown`);
      state.odd = {};
      if (keepsKey) {
        // The string may be spent: the key that alone can ask again is kept, and the same command finishes.
        const now = contentOf(dataDir);
        for (const [path, content] of Object.entries(before)) assert.equal(now[path], content, `${what}: ${path}`);
        assert.equal((await attempt(string, dataDir)).exit, 0, `${what}: the same command again`);
        assertTidy(dataDir, what);
      } else assert.deepEqual(contentOf(dataDir), before, what);
    }
    const before = configOf(dataDir)['agent_id'];
    assert.equal((await attempt(await mint(), dataDir)).exit, 0);
    assertTidy(dataDir);
    assert.notEqual(configOf(dataDir)['agent_id'], before);
  });
}

test('a string of another gateway is never sent', async (t) => {
  const { state, mint } = await falseGateway(t);
  const dataDir = join(temporaryFolder(t), 'ag');
  const finished = await enroll(await mint(other.caSpkiSha256), dataDir);
  assert.deepEqual([codeOf(finished), finished.code, state.asked], ['pin.mismatch', 3, 0]);
  assert.deepEqual(contentOf(dataDir), {});
});

function endless(response: ServerResponse): void {
  const block = 'x'.repeat(64 * 1024);
  const more = () => {
    while (!response.destroyed && response.write(block));
  };
  response.on('drain', more).on('error', () => {});
  more();
}
