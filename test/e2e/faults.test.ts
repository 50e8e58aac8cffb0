// What breaks at three in the morning: races for one token, killed gateways, killed agents.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { connectTo, startChain } from '../support/chain.ts';
import { start, succeed, temporaryFolder, tunnel } from '../support/cli.ts';
import { edgePid } from '../support/edge-pid.ts';
import { enrolByHand } from '../support/enrol-by-hand.ts';
import { dial, readToEnd, startTarget } from '../support/tcp.ts';

test('a hundred enrolments with one token at once: exactly one succeeds', async (t) => {
  const folder = temporaryFolder(t);
  const gatewayFolder = join(folder, 'gw');
  await succeed(['ca', 'init', '--data-dir', gatewayFolder]);
  const gateway = start(t, ['gateway', 'start', '--data-dir', gatewayFolder, '--listen', '127.0.0.1:0']);
  const { url } = await gateway.event('ready');
  const { stdout } = await succeed(['token', 'mint', '--data-dir', gatewayFolder, '--kind', 'agent', '--name', 'web1']);
  const statuses = await enrolByHand(String(url), stdout.trim(), 100);
  assert.deepEqual(
    { won: statuses.filter((status) => status === 200).length, refused: statuses.filter((status) => status === 401).length },
    { won: 1, refused: 99 },
  );
  const { agents } = (await succeed(['agent', 'list', '--data-dir', gatewayFolder, '--json'])).json();
  assert.equal((agents as unknown[]).length, 1);
});

test('a gateway killed and started again: the agent comes back by itself and a new connect works', async (t) => {
  const chain = await startChain(t);
  const target = await startTarget(t, (socket) => socket.end('still here'));
  chain.gateway.child.kill('SIGKILL');
  const again = start(t, ['gateway', 'start', '--data-dir', chain.gatewayFolder]);
  const ready = await again.event('ready');
  assert.deepEqual([ready['url'], ready['tcp'], ready['udp']], [chain.ready['url'], chain.ready['tcp'], chain.ready['udp']]);
  const { port } = await connectTo(t, chain, `127.0.0.1:${target}`, '--wait', '30s');
  assert.equal(await text(await dial(t, port)), 'still here');
  assert.equal(chain.agent.child.exitCode, null);
});

test('an agent killed in mid-transfer: the operator sees a reset, never an end', async (t) => {
  const chain = await startChain(t);
  const target = await startTarget(t, (socket) => void socket.write('first'));
  const { port } = await connectTo(t, chain, `127.0.0.1:${target}`);
  const socket = await dial(t, port);
  const first = Promise.withResolvers<void>();
  socket.once('data', () => first.resolve());
  const ending = readToEnd(socket);
  await first.promise;
  chain.agent.child.kill('SIGKILL');
  assert.equal((await ending).end, 'reset');
  const refused = await tunnel(['connect', `127.0.0.1:${target}`, '--config-dir', chain.operatorFolder, '--json']);
  assert.equal(refused.code, 6);
  assert.equal((refused.json()['error'] as { code: string }).code, 'agent.offline');
});

test('an operator that is gone leaves no session: killed without ever a channel, interrupted, its program done; another one keeps it', async (t) => {
  const chain = await startChain(t);
  const target = await startTarget(t, (socket) => socket.end('there'));
  const sessions = async () => {
    const { rows } = (await succeed(['audit', '--data-dir', chain.gatewayFolder, '--limit', '1000', '--json'])).json() as {
      rows: { code: string; detail: { reason?: string } }[];
    };
    const ended = rows.filter(({ code }) => code === 'session.ended').map(({ detail }) => detail.reason);
    return { opened: rows.filter(({ code }) => code === 'session.opened').length, ended };
  };
  const endedAfter = async (count: number, ms: number) => {
    const begun = performance.now();
    while ((await sessions()).ended.length < count) assert.ok(performance.now() - begun < ms, `no session ended within ${ms} ms`);
    assert.deepEqual(await sessions(), { opened: count, ended: Array(count).fill('operator-closed') });
  };
  const { running: first } = await connectTo(t, chain, `127.0.0.1:${target}`);
  const { running: second, port } = await connectTo(t, chain, `127.0.0.1:${target}`);
  first.child.kill('SIGKILL');
  await once(first.child, 'exit');
  for (let turn = 0; turn < 3; turn += 1) assert.equal(await text(await dial(t, port)), 'there');
  assert.deepEqual(await sessions(), { opened: 1, ended: [] });
  second.child.kill('SIGKILL');
  await endedAfter(1, 5000);
  const { running: third } = await connectTo(t, chain, `127.0.0.1:${target}`);
  await third.stop('SIGINT');
  await endedAfter(2, 5000);
  await succeed(['connect', `127.0.0.1:${target}`, '--config-dir', chain.operatorFolder, '--', process.execPath, '-e', '0']);
  await endedAfter(3, 5000);
});

for (const [gone, kill] of [
  ['was killed', 'SIGKILL'],
  ['does not answer', 'SIGSTOP'],
] as const) {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    test(`connect ends within a second of ${signal}, its gateway ${gone}`, async (t) => {
      const chain = await startChain(t);
      const target = await startTarget(t, (socket) => void socket.pipe(socket));
      const { port, running } = await connectTo(t, chain, `127.0.0.1:${target}`);
      const client = await dial(t, port);
      client.on('error', () => {}).write('before');
      await once(client, 'data');
      const pids = [await edgePid(chain), chain.gateway.child.pid ?? assert.fail('no gateway')];
      for (const pid of pids) process.kill(pid, kill);
      (await dial(t, port)).on('error', () => {}); // it waits for an answer, or for a new connection to the gateway
      const began = performance.now();
      const code = await running.stop(signal);
      const tookMs = performance.now() - began;
      if (kill === 'SIGSTOP') for (const pid of pids) process.kill(pid, 'SIGCONT');
      assert.equal(code, 130);
      assert.ok(tookMs < 1000, `${tookMs} ms`);
    });
  }
}

test('quickstart runs the main job and leaves nothing behind', async (t) => {
  const folder = temporaryFolder(t);
  const { code, stdout, stderr } = await tunnel(['quickstart', '--json'], { env: { TMPDIR: folder, XDG_STATE_HOME: folder, HOME: folder } });
  assert.equal(code, 0, stderr);
  const result = JSON.parse(stdout) as Record<string, unknown>;
  assert.equal(typeof result['answer'], 'string');
  assert.equal(typeof result['milliseconds'], 'number');
  assert.ok(!existsSync(String(result['data_dir'])), `${String(result['data_dir'])} is still there`);
});

test('quickstart --keep leaves it running until it is stopped', async (t) => {
  const folder = temporaryFolder(t);
  const running = start(t, ['quickstart', '--keep'], { env: { TMPDIR: folder, HOME: folder } });
  const ready = await running.event('ready');
  const dataDir = String(ready['data_dir']);
  const { agents } = (await succeed(['agent', 'list', '--data-dir', join(dataDir, 'gateway'), '--json'])).json();
  assert.equal((agents as { state: string }[])[0]?.state, 'online');
  assert.equal(await running.stop(), 0);
  assert.ok(!existsSync(dataDir));
});

test('no secret of a chain stands in its output', async (t) => {
  const chain = await startChain(t);
  await succeed(['agent', 'list', '--config-dir', chain.operatorFolder]);
  const secrets = ['web1.token', 'alice.token'].map((file) => readFileSync(join(chain.folder, file), 'utf8').trim());
  const login = JSON.parse(readFileSync(join(chain.operatorFolder, 'login.json'), 'utf8')) as { credential: string };
  const said = chain.gateway.stderr() + chain.agent.stderr();
  for (const secret of [...secrets, login.credential]) assert.ok(!said.includes(secret));
});
