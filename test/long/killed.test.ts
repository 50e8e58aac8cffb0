// kill -9 of each side under live sessions and channels: afterwards no session, link or channel counts as active that is not, and each end has its reason (requirements B8).
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { isCloseReason } from '../../src/lib/sessions/close-reason.ts';
import { type Chain, connectTo, startChain } from '../support/chain.ts';
import { type Running, start, succeed } from '../support/cli.ts';
import { edgePid } from '../support/edge-pid.ts';
import { liveSessions } from '../support/live-sessions.ts';
import { dial, startTarget } from '../support/tcp.ts';

const CHANNELS = 2;
/** A link over TLS ends with its process; over QUIC its silence is waited for. */
const TLS = { TUNNEL_AGENT_TRANSPORT: 'tls' };

interface Row {
  readonly seq: number;
  readonly code: string;
  readonly detail: { readonly reason?: string; readonly session_id?: string };
}

/** The audit log as it grows. */
class Heard {
  readonly rows: Row[] = [];
  readonly #follow: () => Running;
  #running: Running;

  constructor(t: TestContext, gatewayFolder: string) {
    this.#follow = () => start(t, ['audit', '--follow', '--data-dir', gatewayFolder, '--after', String(this.rows.at(-1)?.seq ?? 0)]);
    this.#running = this.#follow();
  }

  /** With another gateway. */
  async again(): Promise<void> {
    await this.#running.stop('SIGKILL');
    this.#running = this.#follow();
  }

  /** Until so many rows of each code have come since this was asked; those rows. */
  async until(wanted: Readonly<Record<string, number>>): Promise<Row[]> {
    const from = this.rows.length;
    const missing = () => Object.entries(wanted).some(([code, count]) => this.rows.slice(from).filter((row) => row.code === code).length < count);
    while (missing()) this.rows.push((await this.#running.event('audit')) as unknown as Row);
    return this.rows.slice(from);
  }
}

const reasonsOf = (rows: readonly Row[], code: string) => rows.filter((row) => row.code === code).map(({ detail }) => detail.reason);

/** What counts as active, by the rows of the store, and by what each list and status says. */
async function active(chain: Pick<Chain, 'gatewayFolder'>) {
  const read = async (...command: string[]) => (await succeed([...command, '--data-dir', chain.gatewayFolder, '--json'])).json();
  const [{ sessions }, { channels, agents_online }, { links, state }] = await Promise.all([
    read('session', 'list'),
    read('gateway', 'status'),
    read('agent', 'show', 'web1'),
  ]);
  const listed = (sessions as { targets: unknown[] }[]).map(({ targets }) => targets.length);
  return {
    rows: liveSessions(chain),
    sessions: listed.length,
    channels,
    targets: listed.reduce((sum, each) => sum + each, 0),
    agents_online,
    links: (links as unknown[]).length,
    state,
  };
}

const NOTHING = { rows: 0, sessions: 0, channels: 0, targets: 0 };
const ONLINE = { agents_online: 1, links: 1, state: 'online' };

test('kill -9 of connect, edge, agent and gateway, each under a session with channels', async (t) => {
  const chain = await startChain(t, { env: TLS });
  const target = await startTarget(t, (socket) => void socket.on('error', () => {}).pipe(socket));
  const heard = new Heard(t, chain.gatewayFolder);
  const inUse = async (port: number): Promise<Socket[]> => {
    const clients: Socket[] = [];
    for (let made = 0; made < CHANNELS; made += 1) {
      const client = await dial(t, port);
      client.on('error', () => {}); // it is to be cut
      client.write('echo');
      assert.equal(String((await once(client, 'data'))[0]), 'echo');
      clients.push(client);
    }
    await heard.until({ 'channel.opened': CHANNELS });
    assert.deepEqual(await active(chain), { rows: 1, sessions: 1, channels: CHANNELS, targets: CHANNELS, ...ONLINE });
    return clients;
  };
  const allCut = (clients: readonly Socket[]) => Promise.all(clients.map((client) => client.closed || new Promise((resolve) => client.once('close', resolve))));
  const kill = async (pid: number | undefined, ended?: Promise<unknown>) => {
    process.kill(pid ?? 0, 'SIGKILL');
    await ended;
  };

  const first = await connectTo(t, chain, `127.0.0.1:${target}`);
  await inUse(first.port);
  await kill(first.running.child.pid, once(first.running.child, 'exit'));
  const left = await heard.until({ 'channel.ended': CHANNELS, 'session.ended': 1 });
  assert.deepEqual(reasonsOf(left, 'session.ended'), ['operator-closed']);
  assert.deepEqual(await active(chain), { ...NOTHING, ...ONLINE });

  const { port, running } = await connectTo(t, chain, `127.0.0.1:${target}`);
  const underEdge = await inUse(port);
  await kill(await edgePid(chain));
  await allCut(underEdge);
  const edge = await heard.until({ 'edge.lost': 1, 'channel.ended': CHANNELS, 'session.ended': 1, 'link.closed': 1, 'link.opened': 1, 'session.opened': 1 });
  assert.deepEqual([reasonsOf(edge, 'session.ended'), reasonsOf(edge, 'channel.ended')], [['agent-lost'], Array(CHANNELS).fill('edge-lost')]);
  assert.deepEqual(await active(chain), { ...NOTHING, rows: 1, sessions: 1, ...ONLINE }, 'the session of the connect that went on');

  const underAgent = await inUse(port);
  await kill(chain.agent.child.pid, once(chain.agent.child, 'exit'));
  await allCut(underAgent);
  const agent = await heard.until({ 'channel.ended': CHANNELS, 'session.ended': 1, 'link.closed': 1 });
  assert.deepEqual(reasonsOf(agent, 'session.ended'), ['agent-lost']);
  assert.deepEqual(await active(chain), { ...NOTHING, agents_online: 0, links: 0, state: 'offline' });
  await start(t, ['agent', 'start', '--data-dir', chain.agentFolder], { env: TLS }).event('ready');

  const underGateway = await inUse(port);
  await kill(chain.gateway.child.pid, once(chain.gateway.child, 'exit'));
  await allCut(underGateway);
  assert.equal(liveSessions(chain), 1, 'nobody could write its end');
  const gateway = start(t, ['gateway', 'start', '--data-dir', chain.gatewayFolder]);
  await gateway.event('ready');
  await heard.again();
  const restarted = await heard.until({ 'session.ended': 1, 'link.opened': 1, 'session.opened': 1 });
  assert.deepEqual(reasonsOf(restarted, 'session.ended'), ['gateway-restarted']);
  assert.deepEqual(await active(chain), { ...NOTHING, rows: 1, sessions: 1, ...ONLINE });

  await inUse(port);
  await running.stop();
  await heard.until({ 'channel.ended': CHANNELS, 'session.ended': 1 });
  assert.deepEqual(await active(chain), { ...NOTHING, ...ONLINE });
  await gateway.stop();
  const database = new DatabaseSync(join(chain.gatewayFolder, 'gateway.db'), { readOnly: true });
  const ended = database.prepare('select state, reason, ended_at from sessions').all();
  database.close();
  assert.ok(ended.length >= 4);
  for (const { state, reason, ended_at } of ended)
    assert.ok(state === 'ended' && typeof reason === 'string' && isCloseReason(reason) && ended_at !== null, `${state} ${reason}`);
});
