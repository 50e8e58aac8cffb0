// Idle sessions through real processes: the edge's reports of activity, control's clock. Only the limit is shorter than its 15 minutes, twice the time between two reports.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';
import { LIMITS } from '../../src/lib/base/limits.ts';
import { startChain } from '../support/chain.ts';
import { start, succeed } from '../support/cli.ts';
import { shortIdle } from '../support/short-idle.ts';
import { dial, startTarget } from '../support/tcp.ts';

const IDLE_MS = 2 * LIMITS.activityReportMs;
const TRICKLE_MS = 500;

test(`${IDLE_MS / 1000} s: an open socket to a target that trickles ends, what its operator sends or keeps goes on`, async (t) => {
  const chain = await startChain(t, { gatewayEnv: shortIdle(IDLE_MS) });
  const at = ['--data-dir', chain.gatewayFolder];
  const target = await startTarget(t, (socket) => {
    const trickle = setInterval(() => socket.write('.'), TRICKLE_MS);
    socket.on('error', () => {}).on('close', () => clearInterval(trickle));
    socket.resume();
  });
  const connect = async (name: string, ...flags: string[]) => {
    const { stdout: input } = await succeed(['token', 'mint', ...at, '--kind', 'operator', '--name', name]);
    const folder = join(chain.folder, name);
    await succeed(['login', '--token-file', '-', '--config-dir', folder], { input });
    const running = start(t, ['connect', `127.0.0.1:${target}`, '--config-dir', folder, ...flags]);
    const { listen } = await running.event('ready');
    const client = await dial(t, Number(String(listen).split(':').at(-1)));
    client.on('error', () => {}); // the end of the silent one
    await once(client, 'data');
    let received = 0;
    client.on('data', (bytes: Buffer) => {
      received += bytes.length;
    });
    return { running, client, received: () => received };
  };
  const kept = await connect('kept', '--keep-alive');
  const busy = await connect('busy');
  const sending = setInterval(() => busy.client.write('.'), TRICKLE_MS);
  t.after(() => clearInterval(sending));
  const silent = await connect('silent');
  const began = performance.now();

  assert.match(String((await silent.running.event('warning'))['message']), /unless something is sent/);
  await Promise.all([new Promise((resolve) => silent.client.once('close', resolve)), once(silent.running.child, 'exit')]);
  const tookMs = performance.now() - began;
  t.diagnostic(`ended after ${Math.round(tookMs)} ms, ${silent.received()} bytes had trickled`);
  assert.equal(silent.running.child.exitCode, 7);
  assert.ok(tookMs >= IDLE_MS - 2000 && tookMs <= IDLE_MS + 5000, `${tookMs} ms`);
  assert.ok(silent.received() > (IDLE_MS / TRICKLE_MS) * 0.8, 'the target trickled all the time');

  for (const { client } of [busy, kept]) await once(client, 'data');
  const { sessions } = (await succeed(['session', 'list', ...at, '--json'])).json() as { sessions: { operator: string }[] };
  assert.deepEqual(sessions.map(({ operator }) => operator).sort(), ['busy', 'kept']);
  const { rows } = (await succeed(['audit', ...at, '--code', 'session.ended', '--json'])).json() as { rows: { detail: object }[] };
  assert.deepEqual(
    rows.map(({ detail }) => [Reflect.get(detail, 'operator'), Reflect.get(detail, 'reason')]),
    [['silent', 'idle']],
  );
});
