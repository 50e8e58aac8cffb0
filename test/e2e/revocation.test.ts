// What an administrator takes back, by the real command line: what runs is cut, everybody who is cut off is told why, and nothing comes back before it may.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { generateKeyPem } from '../../src/lib/pki/keys.ts';
import { realWorld } from '../../src/lib/system/real-world.ts';
import { dialQuic } from '../../src/lib/transport/quic/dial.ts';
import { auditRows } from '../support/audit-rows.ts';
import { type Chain, connectTo, startChain } from '../support/chain.ts';
import { BIN, type Finished, type Running, start, succeed, tunnel } from '../support/cli.ts';
import { enrolOnceByHand } from '../support/enrol-by-hand.ts';
import { adminOf } from '../support/fleet.ts';
import { dial, readToEnd, startTarget } from '../support/tcp.ts';

const REASON = 'laptop stolen, ticket 4711';

interface Ended {
  readonly error: Record<string, unknown>;
  readonly code: number | null;
  readonly afterMs: number;
}

/** How a `connect` ends by itself. */
async function endOf(running: Running): Promise<Ended> {
  const since = performance.now();
  const exited = once(running.child, 'exit');
  const { error } = await running.event('error');
  const afterMs = performance.now() - since;
  const [code] = await exited;
  return { error: error as Ended['error'], code, afterMs };
}

const echoTarget = (t: TestContext) => startTarget(t, (socket) => void socket.pipe(socket));

/** A connection through the tunnel that has carried something. */
async function channelThrough(t: TestContext, { host, port }: { host: string; port: number }) {
  const socket = await dial(t, port, host);
  socket.write('hello');
  await once(socket, 'data');
  return { ending: readToEnd(socket) };
}

const admin = (chain: Chain, ...args: readonly string[]) => succeed([...args, '--data-dir', chain.gatewayFolder, '--json']);
const agentRow = async (chain: Chain, name = 'web1') => (await admin(chain, 'agent', 'show', name)).json();
const refused = ({ json }: Finished) => (json()['error'] as Record<string, string>)['code'];

/** Asks until the gateway says so; each question is a process, which is pause enough. */
async function online(chain: Chain, name = 'web1'): Promise<void> {
  while ((await agentRow(chain, name))['state'] !== 'online');
}

/** Until so many links were refused behind row `after`. */
async function refusedSince(chain: Chain, after: number, count: number): Promise<void> {
  while ((await auditRows(chain.gatewayFolder, after)).filter(({ code }) => code === 'link.refused').length < count);
}

/** `connect --stdio` with input that does not end. */
function startStdio(t: TestContext, chain: Chain, target: string) {
  const child = spawn(process.execPath, [BIN, 'connect', '--stdio', target, '--config-dir', chain.operatorFolder], { stdio: ['pipe', 'pipe', 'pipe'] });
  t.after(() => child.kill('SIGKILL'));
  child.stdin.on('error', () => {}).write('hello');
  const answered = once(child.stdout, 'data');
  const ended = Promise.all([once(child, 'exit'), text(child.stderr)]).then(([[code], stderr]) => [code, stderr]);
  return { answered, ended };
}

test('an agent is locked: cut at once, refused with the reason, and back after unlock', async (t) => {
  const chain = await startChain(t);
  const target = `127.0.0.1:${await echoTarget(t)}`;
  const [busy, idle] = [await connectTo(t, chain, target), await connectTo(t, chain, target)];
  const { ending } = await channelThrough(t, busy);
  const ends = Promise.all([endOf(busy.running), endOf(idle.running)]);
  const locked = (await admin(chain, 'lock', 'agent', 'web1', '--reason', REASON)).json();
  assert.deepEqual(locked['cut'], { links: 1, sessions: 1, channels: 1 });
  for (const { error, code } of await ends) {
    assert.deepEqual([error['code'], code], ['policy.denied', 4]);
    assert.equal(error['message'], `the session on web1 was ended: the agent was locked: ${REASON}`);
  }
  assert.equal((await ending).end, 'reset');
  assert.deepEqual([(await agentRow(chain))['state'], ((await agentRow(chain))['lock'] as Record<string, string>)['reason']], ['locked', REASON]);
  const again = await tunnel(['connect', target, '--config-dir', chain.operatorFolder, '--json']);
  assert.deepEqual([again.code, refused(again)], [4, 'policy.denied']);
  assert.ok(again.stdout.includes(REASON));
  const explicit = await tunnel(['connect', target, '--agent', 'web1', '--config-dir', chain.operatorFolder, '--json']);
  assert.equal(explicit.code, 4);

  assert.equal((await admin(chain, 'unlock', 'agent', 'web1')).json()['name'], 'web1');
  await online(chain);
  await connectTo(t, chain, target);
});

test('an operator is locked: every program of it ends, nothing new begins, unlock brings it back; then it is deleted', async (t) => {
  const chain = await startChain(t);
  const target = `127.0.0.1:${await echoTarget(t)}`;
  const busy = await connectTo(t, chain, target);
  const { ending } = await channelThrough(t, busy);
  const end = endOf(busy.running);
  await admin(chain, 'lock', 'operator', 'alice', '--reason', REASON);
  const { error, code, afterMs } = await end;
  t.diagnostic(`ended ${Math.round(afterMs)} ms after the order was typed`);
  assert.deepEqual([error['code'], code], ['operator.locked', 4]);
  assert.ok(String(error['message']).includes(REASON));
  assert.equal((await ending).end, 'reset');
  for (const command of [['whoami'], ['connect', target], ['session', 'list'], ['session', 'open', target]]) {
    const after = await tunnel([...command, '--config-dir', chain.operatorFolder, '--json']);
    assert.deepEqual([after.code, refused(after)], [4, 'operator.locked'], command.join(' '));
    assert.ok(after.stdout.includes(REASON));
  }
  await admin(chain, 'unlock', 'operator', 'alice');
  const again = await connectTo(t, chain, target);
  const { ending: cut } = await channelThrough(t, again);
  const gone = endOf(again.running);
  const since = performance.now();
  assert.deepEqual((await admin(chain, 'operator', 'delete', 'alice')).json()['cut'], { links: 0, sessions: 1, channels: 1 });
  await cut;
  assert.ok(performance.now() - since < 5000);
  const deleted = await gone;
  assert.deepEqual([deleted.error['code'], deleted.code], ['login.refused', 3]);
  assert.deepEqual((await admin(chain, 'operator', 'list')).json()['operators'], []);
});

test('--stdio and -- COMMAND end with the reason, too; a session is listed, closed and locked', async (t) => {
  const chain = await startChain(t);
  const target = `127.0.0.1:${await echoTarget(t)}`;
  const sessionOf = async () => {
    for (;;) {
      const [session] = (await succeed(['session', 'list', '--config-dir', chain.operatorFolder, '--json'])).json()['sessions'] as Record<string, unknown>[];
      if (session) return session;
    }
  };
  const command = tunnel(['connect', target, '--config-dir', chain.operatorFolder, '--', process.execPath, '-e', 'setTimeout(() => {}, 60_000)']);
  const { id, operator, agent } = await sessionOf();
  assert.deepEqual([operator, agent], ['alice', 'web1']);
  await succeed(['session', 'close', String(id), '--config-dir', chain.operatorFolder]);
  const closed = await command;
  assert.deepEqual([closed.code, closed.stderr], [1, 'error: the session on web1 was ended: the operator closed it\n']);
  const shown = (await succeed(['session', 'show', String(id), '--config-dir', chain.operatorFolder, '--json'])).json();
  assert.deepEqual([shown['state'], shown['reason']], ['ended', 'operator-closed']);

  const stdio = startStdio(t, chain, target);
  await stdio.answered;
  const { id: second } = await sessionOf();
  await admin(chain, 'lock', 'session', String(second), '--reason', REASON);
  assert.deepEqual(await stdio.ended, [4, `error: the session on web1 was ended: the session was locked: ${REASON}\nAn administrator must unlock it.\n`]);
  const after = await tunnel(['connect', target, '--config-dir', chain.operatorFolder, '--json']);
  assert.deepEqual([after.code, refused(after)], [4, 'session.locked']);
  assert.equal((await tunnel(['session', 'show', 'nope', '--config-dir', chain.operatorFolder])).code, 5);
});

test('a revoked agent stays out over kill -9 and restart, and comes back only with a new key and a string that was minted after', async (t) => {
  const chain = await startChain(t);
  const mint = async () =>
    String(
      (await admin(chain, 'token', 'mint', '--kind', 'agent', '--name', 'web1', '--replace', '--routes', '127.0.0.0/8', '--ports', '1-65535')).json()['token'],
    );
  const enroll = (input: string) => tunnel(['agent', 'enroll', '--token-file', '-', '--data-dir', chain.agentFolder, '--json'], { input });
  const older = await mint();
  const before = await agentRow(chain);
  assert.deepEqual((await admin(chain, 'agent', 'revoke', 'web1', '--reason', REASON)).json()['cut'], { links: 1, sessions: 0, channels: 0 });
  await chain.gateway.stop('SIGKILL');
  const gateway = start(t, ['gateway', 'start', '--data-dir', chain.gatewayFolder]);
  await gateway.event('ready');
  await refusedSince(chain, 0, 2);
  assert.equal((await agentRow(chain))['state'], 'revoked');
  await chain.agent.stop();

  const refusal = await enroll(older);
  assert.deepEqual([refusal.code, refused(refusal)], [3, 'string.refused']);
  assert.equal((await enroll(await mint())).code, 0);
  const agent = start(t, ['agent', 'start', '--data-dir', chain.agentFolder]);
  await agent.event('ready');
  const after = await agentRow(chain);
  assert.deepEqual([after['state'], after['id']], ['online', before['id']]);
});

test('a string for an agent that is locked waits for unlock; deleting the agent revokes it', async (t) => {
  const chain = await startChain(t);
  await chain.agent.stop();
  const minted = await admin(chain, 'token', 'mint', '--kind', 'agent', '--name', 'web1', '--replace', '--routes', '127.0.0.0/8');
  const enroll = () => tunnel(['agent', 'enroll', '--token-file', '-', '--data-dir', chain.agentFolder, '--json'], { input: String(minted.json()['token']) });
  await admin(chain, 'lock', 'agent', 'web1');
  assert.equal(refused(await enroll()), 'string.refused');
  await admin(chain, 'unlock', 'agent', 'web1');
  await admin(chain, 'agent', 'delete', 'web1');
  assert.equal(refused(await enroll()), 'string.refused');
  const [row] = (await auditRows(chain.gatewayFolder)).filter(({ code }) => code === 'agent.deleted');
  const strings = row?.detail['revoked_strings'];
  assert.ok(Array.isArray(strings) && strings.length === 1);
});

test('what an agent may carry is changed while it runs: what no longer fits is cut, overlaps are said', async (t) => {
  const chain = await startChain(t);
  const [kept, taken] = [await echoTarget(t), await echoTarget(t)];
  const [keeps, loses] = [await connectTo(t, chain, `127.0.0.1:${kept}`), await connectTo(t, chain, `127.0.0.1:${taken}`)];
  const { ending } = await channelThrough(t, loses);
  const ended = endOf(loses.running);
  const since = performance.now();
  const set = (await admin(chain, 'agent', 'set', 'web1', '--ports', String(kept))).json();
  assert.deepEqual(set['ports'], [String(kept)]);
  assert.equal((await ending).end, 'reset');
  assert.ok(performance.now() - since < 5000);
  const { error, code } = await ended;
  assert.deepEqual([error['code'], code], ['policy.denied', 4]);
  await channelThrough(t, keeps);
  await admin(chain, 'token', 'mint', '--kind', 'agent', '--name', 'web2', '--routes', '10.0.0.0/8', '--out', join(chain.folder, 'web2.token'));
  await succeed(['agent', 'enroll', '--token-file', join(chain.folder, 'web2.token'), '--data-dir', join(chain.folder, 'ag2'), '--no-verify']);
  const wide = await admin(chain, 'agent', 'set', 'web1', '--routes', '127.0.0.0/8,10.1.0.0/16');
  assert.match(wide.stderr, /warning: 10.1.0.0\/16 overlaps with 10.0.0.0\/8 of agent web2/);
  assert.equal((await tunnel(['agent', 'set', 'web1', '--data-dir', chain.gatewayFolder])).code, 2);
  assert.equal((await tunnel(['agent', 'set', 'web1', '--ports', '0', '--data-dir', chain.gatewayFolder])).code, 2);
});

test('a stock agent that was deleted does not get back in, now or after a restart', async (t) => {
  const chain = await startChain(t);
  const privateKeyPem = await generateKeyPem();
  const { token } = (await admin(chain, 'token', 'mint', '--kind', 'agent', '--name', 'stock1', '--routes', '127.0.0.0/8')).json();
  const answer = await enrolOnceByHand(String(chain.ready['url']), String(token), privateKeyPem, 'stock1');
  const credentials = {
    certificatePem: String(answer['client_cert_pem']),
    privateKeyPem,
    trustedCaPem: String(answer['gateway_ca_cert_pem']),
    alpn: ['gw-agent-tunnel/1'],
  };
  const dialIn = async () => {
    const to = { address: '127.0.0.1', port: Number(String(answer['quic_endpoint']).split(':').at(-1)) };
    const link = await dialQuic({ to, serverName: '127.0.0.1', credentials, signal: t.signal }, realWorld({ level: 'silent' }));
    t.after(() => link.close());
    return link;
  };
  const link = await dialIn();
  await online(chain, 'stock1');
  await admin(chain, 'agent', 'delete', 'stock1');
  assert.equal((await link.closed).by, 'peer');
  for (const when of ['at once', 'after a restart']) {
    if (when !== 'at once') {
      await chain.gateway.stop('SIGKILL');
      await start(t, ['gateway', 'start', '--data-dir', chain.gatewayFolder]).event('ready');
    }
    const { by, reason } = await (await dialIn()).closed;
    assert.deepEqual([by, /not, or no longer, good/.test(reason)], ['peer', true], `${when}: ${reason}`);
  }
});

for (const transport of ['quic', 'tls']) {
  test(`over ${transport} an agent that does not listen holds up nobody: its sessions end all the same`, async (t) => {
    const chain = await startChain(t);
    await chain.agent.stop();
    const agent = start(t, ['agent', 'start', '--data-dir', chain.agentFolder, '--transport', transport]);
    await agent.event('ready');
    const busy = await connectTo(t, chain, `127.0.0.1:${await echoTarget(t)}`);
    const { ending } = await channelThrough(t, busy);
    const end = endOf(busy.running);
    const api = adminOf(chain);
    agent.child.kill('SIGSTOP');
    const since = performance.now();
    const revoked = api.revokeAgent('web1', {}, t.signal).then(() => performance.now() - since);
    assert.equal((await ending).end, 'reset');
    const cutAfter = performance.now() - since;
    const { code } = await end;
    const answeredAfter = await revoked;
    t.diagnostic(`sessions ended after ${Math.round(cutAfter)} ms, answered after ${Math.round(answeredAfter)} ms`);
    assert.ok(cutAfter < 2000 && answeredAfter < 2000, `${cutAfter} and ${answeredAfter} ms`);
    assert.equal(code, 4);
    assert.deepEqual((await agentRow(chain))['links'], []);
    await agent.stop('SIGKILL'); // SIGTERM would wait for it to go on
  });
}
