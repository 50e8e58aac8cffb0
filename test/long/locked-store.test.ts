// A process that holds the database locked for ten seconds: the API says 503 with Retry-After, links and running channels go on, and no event loop waits.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectTo, startChain } from '../support/chain.ts';
import { succeed, temporaryFolder } from '../support/cli.ts';
import { lateSince, loopWatch, startIdle } from '../support/loop-watch.ts';
import { echoClient, startTarget } from '../support/tcp.ts';

const HELD_MS = 10_000;
const ECHO_EVERY_MS = 100;
const LATE_MS = 100;

interface Login {
  readonly credential: string;
  readonly ca_pem: string;
  readonly gateway: string;
}

function ask(
  { credential, ca_pem: ca, gateway }: Login,
  method: string,
  path: string,
  body?: object,
): Promise<{ status: number; retryAfter: string | undefined }> {
  const headers = { authorization: `Bearer ${credential}`, 'content-type': 'application/json' };
  return new Promise((resolve, reject) => {
    const asked = request(new URL(path, gateway), { method, headers, ca, agent: false }, (answer) => {
      answer.resume().once('end', () => resolve({ status: answer.statusCode ?? 0, retryAfter: answer.headers['retry-after'] }));
    });
    asked.once('error', reject).end(body && JSON.stringify(body));
  });
}

test(`the database locked for ${HELD_MS / 1000} s`, async (t) => {
  const watch = temporaryFolder(t);
  const chain = await startChain(t, { gatewayEnv: loopWatch(watch) });
  const login = JSON.parse(readFileSync(join(chain.operatorFolder, 'login.json'), 'utf8')) as Login;
  const target = await startTarget(t, (socket) => void socket.pipe(socket));
  const { port } = await connectTo(t, chain, `127.0.0.1:${target}`);
  const { echo } = await echoClient(t, port);
  await echo('before');
  const status = async () => (await succeed(['agent', 'status', '--data-dir', chain.agentFolder, '--json'])).json();
  const linkedSince = (await status())['since'];
  const idle = startIdle(t, watch);
  const gateway = chain.gateway.child.pid ?? 0;
  const [gatewayLate, machineLate] = [lateSince(watch, gateway), lateSince(watch, idle)];

  const holder = new DatabaseSync(join(chain.gatewayFolder, 'gateway.db'));
  t.after(() => holder.isOpen && holder.close());
  holder.exec('begin immediate');
  const over = sleep(HELD_MS);
  const agent = (await succeed(['agent', 'list', '--config-dir', chain.operatorFolder, '--json'])).json()['agents'] as { id: string }[];
  const asked = Promise.all([
    ask(login, 'POST', '/api/v1/logout', {}), // a write
    ask(login, 'GET', '/readyz'),
    ask(login, 'GET', '/livez'),
    ask(login, 'GET', '/api/v1/agents'),
  ]);
  let [echoes, held] = [0, true];
  void over.then(() => {
    held = false;
  });
  while (held) {
    await echo(`echo ${echoes++}`);
    await sleep(ECHO_EVERY_MS);
  }
  const [written, ready, live, read] = await asked;
  holder.exec('rollback');
  holder.close();

  assert.equal(written.status, 503);
  assert.ok(Number(written.retryAfter) >= 1, written.retryAfter);
  assert.deepEqual([ready.status, ready.retryAfter, live.status, read.status], [503, '1', 200, 200]);
  assert.ok(echoes > HELD_MS / ECHO_EVERY_MS / 4, `${echoes} echoes`);
  assert.equal((await status())['since'], linkedSince);
  const [late, machine] = [gatewayLate(), machineLate()];
  t.diagnostic(`control was ${late} ms late, a process that does nothing ${machine} ms; ${echoes} echoes`);
  assert.ok(late <= LATE_MS + machine, `${late} ms, this machine ${machine} ms`);
  await echo('after');
  assert.equal((await ask(login, 'GET', '/readyz')).status, 200);
  assert.equal(agent.length, 1);
});
