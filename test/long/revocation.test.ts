// How long a revocation takes, from the order to what each side sees (issue figures): link closed, sessions ended, the reason on the screen, refused afterwards. 10 rounds, 100 with FULL=1.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { startAgent } from '../../src/lib/agent/start.ts';
import type { ApiClient } from '../../src/lib/api/client.ts';
import type { TunnelError } from '../../src/lib/base/errors.ts';
import type { Log } from '../../src/lib/base/world.ts';
import { connectPorts } from '../../src/lib/operator/connect.ts';
import { parseForward } from '../../src/lib/operator/forward/spec.ts';
import { silentLog } from '../../src/lib/system/log.ts';
import { realWorld } from '../../src/lib/system/real-world.ts';
import type { Link } from '../../src/lib/transport/link.ts';
import { dialQuic } from '../../src/lib/transport/quic/dial.ts';
import { dialTls } from '../../src/lib/transport/tls/dial.ts';
import { type Chain, startChain } from '../support/chain.ts';
import { start, succeed } from '../support/cli.ts';
import { adminOf, enrolFleet } from '../support/fleet.ts';
import { dial, readToEnd, startTarget } from '../support/tcp.ts';

const ROUNDS = process.env['FULL'] === '1' ? 100 : 10;
const LINK_CLOSED_MS = 1000;
const SESSIONS_ENDED_MS = 2000;
const world = realWorld({ level: 'silent' });

/** The three ways of taking an agent out, in turn. */
const ORDERS: readonly ((admin: ApiClient, agent: string, signal: AbortSignal) => Promise<unknown>)[] = [
  (admin, agent, signal) => admin.revokeAgent(agent, { reason: 'stolen' }, signal),
  (admin, agent, signal) => admin.deleteAgent(agent, signal),
  (admin, agent, signal) => admin.lock('agent', agent, { reason: 'stolen' }, signal),
];

class Times {
  readonly #by = new Map<string, number[]>();

  add(what: string, since: number): void {
    this.#by.set(what, [...(this.#by.get(what) ?? []), performance.now() - since]);
  }

  /** Prints all, and gives the 95th percentile of one. */
  p95(t: TestContext, what: string): number {
    const times = (this.#by.get(what) ?? []).sort((a, b) => a - b);
    const at = (share: number) => times[Math.ceil(share * times.length) - 1] ?? Number.NaN;
    t.diagnostic(`${what}: p50 ${at(0.5).toFixed(1)} ms, p95 ${at(0.95).toFixed(1)} ms, max ${at(1).toFixed(1)} ms of ${times.length}`);
    return at(0.95);
  }
}

/** Says when a link of this agent has ended. */
function hearEnd(): { log: Log; ended: Promise<void> } {
  const { promise, resolve } = Promise.withResolvers<void>();
  const hear = (_fields: object, message: string) => message === 'link ended' && resolve();
  const log: Log = { ...silentLog, info: hear, warn: hear, child: () => log };
  return { log, ended: promise };
}

/** A `connect` of `operator` through one agent, with a channel that has carried something. */
async function connected(t: TestContext, configDir: string, agent: string, port: number) {
  const options = { configDir, agent, specs: [parseForward(`127.0.0.1:${port}`)] as const, alternates: [], waitMs: 5000, onFailure: () => {} };
  const forwards = await connectPorts(options, world, t.signal);
  const [, localPort] = /:(\d+)$/.exec(forwards.ready[0]?.listen ?? '') ?? [];
  const socket = await dial(t, Number(localPort));
  socket.write('hello');
  await once(socket, 'data');
  const screen = forwards.ended.then(
    () => assert.fail('it ended without a reason'),
    (error: TunnelError) => error,
  );
  return { cut: readToEnd(socket), screen, [Symbol.asyncDispose]: () => forwards[Symbol.asyncDispose]() };
}

/** The identity in a folder, dialled by hand; how the gateway ended it. */
async function knock(t: TestContext, folder: string, transport: 'quic' | 'tls', { ready }: Pick<Chain, 'ready'>): Promise<string> {
  const { identity } = JSON.parse(readFileSync(join(folder, 'agent.json'), 'utf8')) as { identity: string };
  const read = (name: string) => readFileSync(join(folder, identity, name), 'utf8');
  const credentials = { certificatePem: read('cert.pem'), privateKeyPem: read('key.pem'), trustedCaPem: read('ca.pem'), alpn: ['gw-agent-tunnel/2'] };
  const portOf = (place: unknown) => Number(String(place).split(':').at(-1));
  const remote = { address: '127.0.0.1', port: portOf(ready[transport === 'quic' ? 'udp' : 'tcp']) };
  const options = { serverName: '127.0.0.1', credentials, signal: t.signal };
  let link: Link;
  try {
    link =
      transport === 'quic'
        ? await dialQuic({ to: remote, ...options }, world)
        : await dialTls({ connect: (signal) => world.net.connect(remote, signal), remote, ...options }, world);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  const { by, reason } = await link.closed;
  return `${by}: ${reason}`;
}

const REFUSED = /no longer, good|is locked|was deleted|is revoked/;

test(`${ROUNDS} agents are revoked, deleted and locked with a channel open; none comes back, also after kill -9 and restart`, async (t) => {
  const chain = await startChain(t);
  const admin = adminOf(chain);
  const port = await startTarget(t, (socket) => void socket.pipe(socket));
  const { token } = await admin.mintToken({ kind: 'operator', name: 'bob', expires_ms: 60_000 }, t.signal);
  const configDir = join(chain.folder, 'bob');
  await succeed(['login', '--token-file', '-', '--config-dir', configDir], { input: token });
  const fleet = await enrolFleet(t, chain, ROUNDS);
  const times = new Times();
  const transportOf = (round: number) => (round % 2 === 0 ? 'quic' : 'tls');
  for (const [round, name] of fleet.names.entries()) {
    const folder = join(chain.folder, name);
    await admin.changeAgent(name, { routes: ['127.0.0.0/8'], ports: ['1-65535'] }, t.signal);
    const { log, ended } = hearEnd();
    await using agent = await startAgent({ dataDir: folder, transport: transportOf(round) }, { ...world, log });
    await agent.online(t.signal);
    await using operator = await connected(t, configDir, name, port);
    const since = performance.now();
    const order = ORDERS[round % ORDERS.length]?.(admin, name, t.signal);
    await Promise.all([
      ended.then(() => times.add('link closed', since)),
      operator.cut.then(({ end }) => {
        times.add('sessions ended', since);
        assert.equal(end, 'reset');
      }),
      operator.screen.then(({ code, message }) => {
        times.add('reason on the screen', since);
        assert.match(message, /the session on fleet\d+ was ended: the agent was (revoked|deleted|locked)/);
        assert.ok(code === 'policy.denied' || code === 'agent.unknown', code);
      }),
      order?.then(() => times.add('order answered', since)),
    ]);
    const knocked = performance.now();
    assert.match(await knock(t, folder, transportOf(round), chain), REFUSED);
    times.add('refused at the next link', knocked);
  }
  assert.ok(times.p95(t, 'link closed') < LINK_CLOSED_MS);
  assert.ok(times.p95(t, 'sessions ended') < SESSIONS_ENDED_MS);
  assert.ok(times.p95(t, 'reason on the screen') < SESSIONS_ENDED_MS);
  times.p95(t, 'order answered');
  times.p95(t, 'refused at the next link');

  await chain.gateway.stop('SIGKILL');
  const ready = await start(t, ['gateway', 'start', '--data-dir', chain.gatewayFolder]).event('ready');
  let refused = 0;
  for (const name of fleet.names) {
    for (const transport of ['quic', 'tls'] as const) if (REFUSED.test(await knock(t, join(chain.folder, name), transport, { ready }))) refused += 1;
  }
  t.diagnostic(`after kill -9 and restart: ${refused} of ${2 * ROUNDS} attempts refused`);
  assert.equal(refused, 2 * ROUNDS);
});

test(`an operator is locked and unlocked ${ROUNDS} times with a channel open and a program that waits`, async (t) => {
  const chain = await startChain(t);
  const admin = adminOf(chain);
  const port = await startTarget(t, (socket) => void socket.pipe(socket));
  const times = new Times();
  for (let round = 0; round < ROUNDS; round += 1) {
    await using operator = await connected(t, chain.operatorFolder, 'web1', port);
    const since = performance.now();
    const order = admin.lock('operator', 'alice', { reason: 'left' }, t.signal).then(() => times.add('order answered', since));
    await Promise.all([
      operator.cut.then(() => times.add('sessions ended', since)),
      operator.screen.then(({ code, message }) => {
        times.add('reason on the screen', since);
        assert.equal(code, 'operator.locked');
        assert.match(message, /: left$/);
      }),
      order,
    ]);
    const asked = performance.now();
    await assert.rejects(connected(t, chain.operatorFolder, 'web1', port), { code: 'operator.locked' });
    times.add('refused afterwards', asked);
    await admin.unlock('operator', 'alice', t.signal);
  }
  assert.ok(times.p95(t, 'sessions ended') < SESSIONS_ENDED_MS);
  assert.ok(times.p95(t, 'reason on the screen') < SESSIONS_ENDED_MS);
  times.p95(t, 'order answered');
  times.p95(t, 'refused afterwards');
});
