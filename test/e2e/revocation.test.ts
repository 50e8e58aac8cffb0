// What an administrator takes back, by the real command line: what runs is cut, everybody who is cut off is told why, and nothing comes back before it may.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { type Chain, connectTo, startChain } from '../support/chain.ts';
import { type Finished, type Running, succeed, tunnel } from '../support/cli.ts';
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

/** The agent's next link, by the gateway's own count. */
async function backOnline(chain: Chain): Promise<void> {
  for (;;) {
    if ((await agentRow(chain))['state'] === 'online') return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
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
  await backOnline(chain);
  await connectTo(t, chain, target);
});
