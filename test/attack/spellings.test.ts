// Targets spelled in every way that some parser takes for another host: through the API and every front door, nothing that policy forbids is reached (security.md, O).
import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { isIP, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { TunnelError } from '../../src/lib/base/errors.ts';
import type { ResolvedAddress, World } from '../../src/lib/base/world.ts';
import { realWorld } from '../../src/lib/system/real-world.ts';
import { apiDoors, type Door, gatewayDoors, localDoors } from '../support/front-doors.ts';
import { HOSTILE_NAMES, hostileHosts, hostilePorts } from '../support/hostile-spellings.ts';
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

/** Counts who comes, and answers HTTP. */
async function counted(t: TestContext, host: string) {
  const came = new EventEmitter();
  let reached = 0;
  const port = await startTarget(
    t,
    (socket) => {
      reached += 1;
      came.emit('one');
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'));
    },
    host,
  );
  const until = async (count: number) => {
    while (reached < count) await once(came, 'one');
  };
  return { port, reached: () => reached, until };
}

async function answers(socket: Socket): Promise<boolean> {
  socket.write('ping');
  const [said] = await once(socket.resume(), 'data');
  return String(said) === 'ping';
}

test('spellings of what is forbidden reach nothing, whichever door they come through, with direct connections on too; good ones all pass', async (t) => {
  const bait = await canary(t);
  const [carried, direct] = [await counted(t, CARRIED), await counted(t, DIRECT)];
  const good = { 'db.corp.example': () => [CARRIED], 'web.direct.example': () => [DIRECT] };
  const [atAgent, atGateway] = [resolving({ ...HOSTILE_NAMES, ...good }), resolving({ ...HOSTILE_NAMES, ...good })];
  const stand = await networkStand(t, { gatewayWorld: atGateway.world, direct: ['127.98.0.0/16:1-65535', '10.0.0.0/8:1-65535'] });
  await stand.agent('web1', ['127.99.0.0/16', '*.corp.example'], atAgent.world);
  const any = await stand.operator.openSession({ targets: ['*'] }, t.signal);
  const doors = { ...(await gatewayDoors(t, any)), ...(await localDoors(t, stand.operatorFolder)) };

  const spellings = [...hostileHosts(bait.port), ...hostilePorts(CARRIED, bait.port)];
  assert.ok(hostileHosts(bait.port).length >= 60, `${spellings.length}`);
  const knock = async (name: string, door: Door, wanted: readonly string[]) => {
    let asked = 0;
    for (const spelling of wanted) {
      const answer = await door(spelling);
      if (typeof answer !== 'string') answer.destroy();
      assert.ok(typeof answer === 'string', `${name} opened for ${spelling}`);
      if (answer === 'refused') asked += 1;
    }
    assert.equal(bait.reached(), 0, `${name}: the canary was reached`);
    return asked;
  };
  const pass = [
    `${CARRIED}:${carried.port}`,
    `[::ffff:${CARRIED}]:${carried.port}`,
    `[::FFFF:7F63:1]:${carried.port}`,
    `db.corp.example:${carried.port}`,
    `DB.Corp.Example:${carried.port}`,
    `${DIRECT}:${direct.port}`,
    `[::ffff:${DIRECT}]:${direct.port}`,
    `[0:0:0:0:0:ffff:127.98.0.1]:${direct.port}`,
    `web.direct.example:${direct.port}`,
    `WEB.direct.example:${direct.port}`,
  ];
  for (const [name, door] of Object.entries(doors)) {
    const asked = await knock(name, door, spellings);
    let said = 0;
    for (const spelling of pass) {
      const at = spelling.endsWith(`:${carried.port}`) ? carried : direct;
      const before = at.reached();
      const answer = await door(spelling);
      assert.notEqual(answer, 'refused', `${name}: ${spelling}`);
      if (typeof answer === 'string') continue;
      said += 1;
      await at.until(before + 1);
      answer.on('error', () => {}).destroy();
    }
    assert.ok(said > 0 && asked > 0);
    t.diagnostic(`${name}: ${asked} refused, ${said} of ${pass.length} good ones passed`);
  }

  for (const [name, door] of Object.entries(apiDoors(t, any))) {
    const reached = carried.reached() + direct.reached();
    await knock(name, door, [...spellings, ...pass]);
    assert.equal(carried.reached() + direct.reached(), reached, name);
  }

  // The API grants a session where a name may be carried; the channel is judged where the name is resolved.
  for (const spelling of spellings) {
    const session = await stand.operator.openSession({ targets: [spelling] }, t.signal).catch((error: unknown) => {
      assert.ok(error instanceof TunnelError && error.code !== 'internal', `the API: ${spelling}: ${error}`);
    });
    if (session) assert.equal((await stand.connect(session.targets[0]?.target ?? '', session)).status >= 400, true, spelling);
  }
  assert.equal(bait.reached(), 0, 'the canary was reached by way of the API');

  // The same where an agent carries the world: what is special is in no wider route.
  await stand.agent('wide', ['0.0.0.0/0', '::/0'], atAgent.world);
  for (const [name, door] of Object.entries(doors)) await knock(`${name}, with a wide route`, door, hostileHosts(bait.port));
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
