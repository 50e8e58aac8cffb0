// Targets spelled in every way that some parser takes for another host: through the API and every front door, nothing that policy forbids is reached (security.md, O).
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { isIP, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { type TestContext, test } from 'node:test';
import { TunnelError } from '../../src/lib/base/errors.ts';
import type { ResolvedAddress, World } from '../../src/lib/base/world.ts';
import { connectEdge } from '../../src/lib/operator/edge-connection.ts';
import { realWorld } from '../../src/lib/system/real-world.ts';
import { networkStand } from '../support/network-stand.ts';
import { dial, startTarget } from '../support/tcp.ts';

const world = realWorld({ level: 'silent' });
/** What the agent carries, and what the gateway may reach itself: each a loopback network of its own. */
const [CARRIED, DIRECT] = ['127.99.0.1', '127.98.0.1'];

/** A world whose resolver knows these names alone, and counts. */
function resolving(names: Record<string, () => readonly string[]>) {
  const lookups: string[] = [];
  const resolve = async (host: string): Promise<ResolvedAddress[]> => {
    if (isIP(host) !== 0) return await world.net.resolve(host, new AbortController().signal); // the gateway, as the agent has it
    lookups.push(host);
    const found = names[host]?.();
    if (found === undefined) throw new TunnelError('dns.failed', `cannot resolve ${host}`);
    return found.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
  };
  const made: World = { ...world, net: { ...world.net, resolve } };
  return { world: made, lookups };
}

/** Counts whoever comes, on every address of this machine: loopback, link-local and the others. */
async function canary(t: TestContext, host = '::') {
  let reached = 0;
  const port = await startTarget(
    t,
    (socket) => {
      reached += 1;
      socket.destroy();
    },
    host,
  );
  return { port, reached: () => reached };
}

const echo = (t: TestContext, host: string) => startTarget(t, (socket) => socket.pipe(socket), host);

async function answers(socket: Socket): Promise<boolean> {
  socket.write('ping');
  const [said] = await once(socket.resume(), 'data');
  return String(said) === 'ping';
}

const linkLocal = Object.values(networkInterfaces())
  .flat()
  .find((one) => one?.address.startsWith('fe80:'));

/** Each means the canary's port on this machine to one parser or another. */
const hostile = (port: number): string[] =>
  [
    ...['127.0.0.1', '127.0.0.2', '127.255.255.254', '0.0.0.0', '127.1', '127.0.1', '0', '2130706433', '0x7f000001', '0x7f.0.0.1', '0x7f.1', '017700000001'],
    ...[
      '0177.0.0.1',
      '0177.1',
      '127.0.0.01',
      '127.0.0.1.',
      '0127.0.0.1',
      '00127.0.0.1',
      '127.000.000.001',
      '4294967297',
      '127.0.0.0x1',
      '１２７.０.０.１',
      '127。0。0。1',
    ],
    ...[
      '127．0．0．1',
      '①②⑦.0.0.1',
      '127%2e0%2e0%2e1',
      '%31%32%37.0.0.1',
      'user@127.0.0.1',
      'web1@127.0.0.1',
      'a:b@127.0.0.1',
      '127.0.0.1#',
      '127.0.0.1?',
      '127.0.0.1/x',
    ],
    ...[
      '127.99.0.1@127.0.0.1',
      '127.0.0.1%lo',
      'localhost',
      'LOCALHOST',
      'localhost.',
      'localhost.localdomain',
      'ip6-localhost',
      '169.254.169.254',
      '169.254.1.1',
    ],
    ...[
      '[::1]',
      '[0:0:0:0:0:0:0:1]',
      '[::]',
      '[::ffff:127.0.0.1]',
      '[::ffff:7f00:1]',
      '[::127.0.0.1]',
      '[64:ff9b::7f00:1]',
      '[2002:7f00:1::]',
      '[::1%lo]',
      '[::1%25lo]',
    ],
    ...[
      '[127.0.0.1]',
      '::1',
      '::ffff:127.0.0.1',
      '[::1',
      '::1]',
      `[${linkLocal?.address ?? 'fe80::1'}]`,
      `[${linkLocal?.address ?? 'fe80::1'}%${linkLocal ? 'eth0' : 'lo'}]`,
    ],
    ...[
      'canary.corp.example',
      'canary6.corp.example',
      'mapped.corp.example',
      'zone.corp.example',
      'all.corp.example',
      'canary.direct.example',
      'CANARY.corp.example',
      '*.corp.example',
    ],
    ...['127.0.0.1\0', '127.0.0.1\0.corp.example', 'xn--127-0-0-1.example', '١٢٧.0.0.1', ''],
  ].map((host) => `${host}:${port}`);

/** The same with ports that are none, or the canary's written otherwise. */
const hostilePorts = (port: number): string[] =>
  [`0${port}`, `+${port}`, ` ${port}`, `${port + 65_536}`, `0x${port.toString(16)}`, `${port}/`, `${port}.0`, '0', '65536', '022', '', `${port},22`].map(
    (text) => `${CARRIED}:${text}`,
  );

const NAMES = {
  'canary.corp.example': () => ['127.0.0.1'],
  'canary6.corp.example': () => ['::1'],
  'mapped.corp.example': () => ['::ffff:127.0.0.1', '64:ff9b::7f00:1'],
  'zone.corp.example': () => ['fe80::1%lo', ...(linkLocal ? [linkLocal.address, `${linkLocal.address}%eth0`] : [])],
  'all.corp.example': () => ['0.0.0.0', '::', '169.254.169.254', '127.0.0.2'],
  'canary.direct.example': () => ['127.0.0.1', '::1', '0.0.0.0'],
  localhost: () => ['127.0.0.1', '::1'],
};

test('spellings of what is forbidden reach nothing, whichever door they come through, with direct connections on too; good ones all pass', async (t) => {
  const bait = await canary(t);
  const [carried, direct] = [await echo(t, CARRIED), await echo(t, DIRECT)];
  const good = { 'db.corp.example': () => [CARRIED], 'web.direct.example': () => [DIRECT] };
  const [atAgent, atGateway] = [resolving({ ...NAMES, ...good }), resolving({ ...NAMES, ...good })];
  const stand = await networkStand(t, { gatewayWorld: atGateway.world, direct: ['127.98.0.0/16:1-65535', '10.0.0.0/8:1-65535', '[2002::/16]:1-65535'] });
  await stand.agent('web1', ['127.99.0.0/16', '*.corp.example'], atAgent.world);
  const any = await stand.operator.openSession({ targets: ['*'] }, t.signal);
  const edge = await connectEdge(any.connect, any.ca_pem, world, t.signal);
  t.after(() => edge.close());

  const spellings = [...hostile(bait.port), ...hostilePorts(bait.port)];
  assert.ok(spellings.length >= 60, `${spellings.length}`);
  for (const spelling of spellings) {
    await assert.rejects(edge.open(spelling, any.token, t.signal), TunnelError, `the CLI's door: ${spelling}`);
    const written = Buffer.from(spelling).toString('latin1').replaceAll('\0', '%00');
    const { status, socket } = await stand.connect(written, any);
    socket.destroy();
    assert.notEqual(status, 200, `the proxy: ${spelling}`);
    // The API grants a session where a name may be carried; the channel is judged where the name is resolved.
    const session = await stand.operator.openSession({ targets: [spelling] }, t.signal).catch((error: unknown) => {
      assert.ok(error instanceof TunnelError && error.code !== 'internal', `the API: ${spelling}: ${error}`);
    });
    if (session) await assert.rejects(edge.open(session.targets[0]?.target ?? '', session.token, t.signal), TunnelError, spelling);
  }
  assert.equal(bait.reached(), 0, 'the canary was reached');

  const pass = [
    `${CARRIED}:${carried}`,
    `[::ffff:${CARRIED}]:${carried}`,
    `[::FFFF:7F63:1]:${carried}`,
    `db.corp.example:${carried}`,
    `DB.Corp.Example:${carried}`,
    `${DIRECT}:${direct}`,
    `[::ffff:${DIRECT}]:${direct}`,
    `[0:0:0:0:0:ffff:127.98.0.1]:${direct}`,
    `web.direct.example:${direct}`,
    `WEB.direct.example:${direct}`,
  ];
  for (const spelling of pass) {
    const { status, socket } = await stand.connect(spelling, any);
    assert.equal(status, 200, spelling);
    assert.ok(await answers(socket), spelling);
    socket.destroy();
  }

  // The same where an agent carries the world: what is special is in no wider route.
  await stand.agent('wide', ['0.0.0.0/0', '::/0'], atAgent.world);
  for (const spelling of hostile(bait.port)) await assert.rejects(edge.open(spelling, any.token, t.signal), TunnelError, spelling);
  assert.equal(bait.reached(), 0, 'the canary was reached by way of a wide route');
  await once((await dial(t, bait.port)).resume(), 'end');
  assert.equal(bait.reached(), 1, 'the canary sings');
});

test('a resolver that changes its answer between two questions: it is asked once a connection, and the canary is not reached', async (t) => {
  const bait = await canary(t, '127.0.0.1');
  const turns = { agent: 0, gateway: 0 };
  const flip = (who: keyof typeof turns, good: string) => () => [++turns[who] % 2 === 1 ? good : '127.0.0.1'];
  const atAgent = resolving({ 'flip.corp.example': flip('agent', CARRIED) });
  const atGateway = resolving({ 'flip.direct.example': flip('gateway', DIRECT) });
  const stand = await networkStand(t, { gatewayWorld: atGateway.world, direct: ['127.98.0.0/16:1-65535'] });
  await stand.agent('web1', ['127.99.0.0/16', '*.corp.example'], atAgent.world);
  const any = await stand.operator.openSession({ targets: ['*'] }, t.signal);
  atGateway.lookups.length = 0;
  for (let round = 0; round < 50; round++) {
    for (const name of ['flip.corp.example', 'flip.direct.example']) (await stand.connect(`${name}:${bait.port}`, any)).socket.destroy();
  }
  assert.equal(bait.reached(), 0, 'the canary was reached');
  assert.deepEqual([atAgent.lookups.length, atGateway.lookups.length], [50, 50]);
});

test('an agent that was named is the only way: unknown, offline, revoked or refusing, nothing reaches a target that the gateway could reach itself', async (t) => {
  let reached = 0;
  const port = await startTarget(
    t,
    (socket) => {
      reached += 1;
      socket.pipe(socket);
    },
    DIRECT,
  );
  const stand = await networkStand(t, { direct: ['127.98.0.0/16:1-65535'] });
  const [, gone, revoked] = [
    await stand.agent('refusing', ['127.99.0.0/16']),
    await stand.agent('offline', ['127.99.0.0/16']),
    await stand.agent('revoked', ['127.99.0.0/16']),
  ];
  await gone.stop();
  await revoked.stop();
  await stand.admin.revokeAgent('revoked', {}, t.signal);
  const target = `${DIRECT}:${port}`;
  const free = await stand.operator.openSession({ targets: ['*'] }, t.signal);
  assert.ok(await answers((await stand.connect(target, free)).socket), 'without an agent it is reached');
  reached = 0;
  for (const agent of ['unknown', 'offline', 'revoked', 'refusing']) {
    for (const targets of [['*'], [target]]) {
      const session = await stand.operator.openSession({ targets, agent }, t.signal).catch((error: unknown) => void assert.ok(error instanceof TunnelError));
      if (!session) continue;
      const { status, socket } = await stand.connect(target, session);
      socket.destroy();
      assert.ok(status >= 400, `${agent}: ${status}`);
    }
    const { decision } = await stand.operator.resolve({ target, agent }, t.signal);
    assert.notEqual(decision.via, 'direct');
  }
  assert.equal(reached, 0);
});
