// An agent on one link, against a gateway made by hand from link/: real targets on loopback, links in memory.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { quietWorld } from '../../../test/support/quiet-world.ts';
import { startTarget } from '../../../test/support/tcp.ts';
import { makeTestCa } from '../../../test/support/test-ca.ts';
import { TunnelError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { World } from '../base/world.ts';
import { LinkSessions } from '../gateway/edge/sessions.ts';
import { type GatewayControl, gatewayControl } from '../link/control.ts';
import { openChannel } from '../link/open-channel.ts';
import { RESET } from '../link/version.ts';
import type { AgentMessage, Assignment, Hello } from '../protocol/messages.ts';
import { parseRoute } from '../routing/route.ts';
import { realWorld } from '../system/real-world.ts';
import { mintMaterial } from '../tokens/session-material.ts';
import { newSigningKey, publicKeys } from '../tokens/signing-keys.ts';
import { StreamReset } from '../transport/link.ts';
import { memoryPair } from '../transport/memory/pair.ts';
import { silentLedger } from './ledger.ts';
import type { Renewable } from './renew.ts';
import { type LinkOutcome, type LinkService, type Online, serveLink } from './serve-link.ts';

const never = new AbortController().signal;
const AGENT = '0a000000-0000-4000-8000-000000000001';
const SESSION = '5e000000-0000-4000-8000-000000000001';
const key = newSigningKey('k1');
const identity = await (await makeTestCa()).agent('web1', AGENT);
const hello: Hello = { kind: 'hello', software: 'test', os: 'linux', arch: 'x64', hostname: 'here', capabilities: [] };
const assigned = (change: Partial<Assignment> = {}): Assignment => ({
  kind: 'assignment',
  subnets: ['127.0.0.0/8'],
  names: ['*.corp.example'],
  ports: [[1, 65535]],
  channels: ['tcp'],
  ...change,
});

interface Stand {
  readonly world: World;
  readonly control: GatewayControl;
  readonly gateway: ReturnType<typeof memoryPair>['gateway'];
  readonly sessions: LinkSessions;
  readonly heard: AgentMessage[];
  readonly online: Online[];
  /** What the agent may ask of the link. */
  service(): LinkService;
  /** What the link asked to be replaced for. */
  readonly wishes: string[];
  retire(): void;
  readonly outcome: Promise<LinkOutcome>;
  readonly stop: AbortController;
  /** The next message of that kind. */
  next<Kind extends AgentMessage['kind']>(kind: Kind): Promise<Extract<AgentMessage, { kind: Kind }>>;
  material(change?: Record<string, unknown>): Promise<string>;
  open(target: string, sessionId?: string): ReturnType<typeof openChannel>;
}

interface Options {
  readonly version?: 1 | 2;
  readonly own?: string[];
  readonly world?: World;
  readonly acknowledge?: boolean;
  readonly names?: Record<string, string[]>;
  readonly afterLoss?: boolean;
  readonly adopt?: Renewable['adopt'];
}

async function stand(
  t: TestContext,
  {
    version = 2,
    own = [],
    world = realWorld({ level: 'silent' }),
    acknowledge = true,
    names = {},
    afterLoss = false,
    adopt = async () => assert.fail('not due'),
  }: Options = {},
): Promise<Stand> {
  const resolving: World = {
    ...world,
    net: {
      ...world.net,
      resolve: async (host, signal) => names[host]?.map((address) => ({ address, family: 4 as const })) ?? (await world.net.resolve(host, signal)),
    },
  };
  const { agent, gateway } = memoryPair({ alpn: `gw-agent-tunnel/${version}`, clock: world.clock });
  const stop = new AbortController();
  const online: Online[] = [];
  const wishes: string[] = [];
  const retired = Promise.withResolvers<void>();
  let service: LinkService | undefined;
  const self = {
    agentId: AGENT,
    own: () => own.map((route) => parseRoute(route)),
    sessionKeys: publicKeys([key]),
    ledger: silentLedger(),
    domain: async () => undefined,
  };
  const installed = { ...identity, superseded: never, adopt, notRenewed: () => {} };
  const events = {
    online: (now: Online) => online.push(now),
    replace: (why: string) => wishes.push(why),
    standing(now: LinkService) {
      service = now;
    },
    retired: retired.promise,
  };
  const outcome = serveLink(agent, { self, hello, identity: installed, afterLoss, ...events }, resolving, stop.signal);
  outcome.catch(() => {});
  t.after(async () => {
    stop.abort(new TunnelError('interrupted', 'the test is over'));
    await outcome.catch(() => {});
    await gateway.close();
  });
  const control = await gatewayControl(gateway, hello, world, never);
  const sessions = new LinkSessions(control, world.clock);
  const heard: AgentMessage[] = [];
  const waiting: { kind: string; resolve: (message: AgentMessage) => void }[] = [];
  void (async () => {
    for await (const message of control.messages) {
      heard.push(message);
      if (message.kind === 'session-ready' || message.kind === 'session-refused') sessions.hear(message);
      if (message.kind === 'heartbeat' && acknowledge) await control.send({ kind: 'heartbeat-ack', sentAtMs: message.sentAtMs });
      const index = waiting.findIndex(({ kind }) => kind === message.kind);
      if (index >= 0) waiting.splice(index, 1)[0]?.resolve(message);
    }
  })().catch(() => {});
  return {
    world,
    control,
    gateway,
    sessions,
    heard,
    online,
    wishes,
    service: () => service ?? assert.fail('not yet'),
    retire: retired.resolve,
    outcome,
    stop,
    next: (kind) => new Promise((resolve) => waiting.push({ kind, resolve: resolve as (message: AgentMessage) => void })),
    material: (change = {}) =>
      mintMaterial({ sessionId: SESSION, operator: 'alice', agentId: AGENT, targets: ['*'], ports: ['1-65535'], kinds: ['tcp'], ...change }, key, {
        now: world.clock.now(),
        expiresAt: world.clock.now() + 300_000,
      }),
    open: (target, sessionId = SESSION) => openChannel(gateway, { sessionId, channelId: 'c0000000-0000-4000-8000-000000000001', target }, world, never),
  };
}

/** With an assignment and one open session. */
async function ready(t: TestContext, options: Options = {}, material: Record<string, unknown> = {}): Promise<Stand> {
  const at = await stand(t, options);
  const advertised = at.next('heartbeat');
  await at.control.send(assigned());
  await advertised;
  await at.sessions.ensure({ sessionId: SESSION, operator: 'alice', idleLimitMs: 1000, material: await at.material(material) }, never);
  return at;
}

test('online at the answer behind the advertisement, with all that was assigned; again when that changes', async (t) => {
  const at = await stand(t);
  const advertised = at.next('route-advertise');
  await at.control.send(assigned({ subnets: ['10.0.0.0/24', 'fd00::/64'] }));
  assert.deepEqual(await advertised, {
    kind: 'route-advertise',
    epoch: 1n,
    subnets: ['10.0.0.0/24', 'fd00::/64'],
    names: [{ name: '*.corp.example', autoDetected: false }],
  });
  const again = at.next('route-advertise');
  await at.control.send(assigned({ subnets: ['10.0.0.0/25'], names: [] }));
  assert.equal((await again).epoch, 2n);
  await at.next('heartbeat');
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(at.online.at(-1), { transport: 'memory', routes: ['10.0.0.0/25'] });
});

test('a gateway that never answers is given up after 10 s', async (t) => {
  const world = quietWorld();
  const at = await stand(t, { world, acknowledge: false });
  await at.control.send(assigned());
  await at.next('heartbeat');
  const given = assert.rejects(at.outcome, { code: 'gateway.silent' });
  await world.clock.advance(10_000);
  await given;
  assert.equal((await at.gateway.closed).by, 'peer');
  assert.deepEqual(at.online, []);
  await world.clock.advance(1);
  assert.equal(world.clock.pending, 0);
});

test('a channel: half-closed by the client, answered by the target, both ended', async (t) => {
  const port = await startTarget(t, (socket) => void text(socket).then((heard) => socket.end(`heard ${heard}`)));
  const at = await ready(t);
  const { stream, address } = await at.open(`127.0.0.1:${port}`);
  assert.equal(address, `127.0.0.1:${port}`);
  stream.end('question');
  assert.equal(await text(stream), 'heard question');
});

test('a reset of the target is a reset of the stream, and the other way round', async (t) => {
  const sockets: Socket[] = [];
  const arrived: (() => void)[] = [];
  const port = await startTarget(t, (socket) => {
    sockets.push(socket);
    arrived.shift()?.();
  });
  const at = await ready(t);
  const first = new Promise<void>((resolve) => arrived.push(resolve));
  const { stream } = await at.open(`127.0.0.1:${port}`);
  await first;
  const failed = once(stream, 'error') as Promise<[Error]>;
  stream.resume();
  sockets[0]?.resetAndDestroy();
  const [error] = await failed;
  assert.ok(error instanceof StreamReset);
  assert.equal(error.code, RESET.targetReset);

  const second = new Promise<void>((resolve) => arrived.push(resolve));
  const other = await at.open(`127.0.0.1:${port}`);
  await second;
  const reset = once(sockets[1] as Socket, 'error') as Promise<[NodeJS.ErrnoException]>;
  sockets[1]?.resume();
  other.stream.destroy(new StreamReset(RESET.gaveUp));
  assert.equal((await reset)[0].code, 'ECONNRESET');
});

for (const [what, target, code, material] of [
  ['a target outside the routes', '10.1.2.3:80', 'route.none', {}],
  ['a name that resolves to an address outside, by no advertised name', 'db.other.example:80', 'route.none', {}],
  ['metadata by an advertised name', 'meta.corp.example:80', 'route.none', {}],
  ['a port that the session does not grant', '127.0.0.1:81', 'policy.denied', { ports: ['80'] }],
  ['a target that the session does not grant', '127.0.0.2:80', 'policy.denied', { targets: ['127.0.0.1:80'] }],
  ['a kind that the session does not grant', '127.0.0.1:80', 'policy.denied', { kinds: ['udp'] }],
  ['a malformed target', '127.0.0.1', 'agent.failed', {}],
  ['a name that does not resolve', 'none.invalid:80', 'dns.failed', {}],
] as const) {
  test(`refused: ${what}`, async (t) => {
    const at = await ready(t, { names: { 'db.other.example': ['10.0.0.5'], 'meta.corp.example': ['169.254.169.254'] } }, material);
    await assert.rejects(at.open(target), { code });
  });
}

test('no channel without a session on this link, nor on a port that is not assigned', async (t) => {
  const at = await ready(t);
  await assert.rejects(at.open('127.0.0.1:80', '5e000000-0000-4000-8000-0000000000ff'), { code: 'policy.denied' });
  const taken = at.next('heartbeat');
  await at.control.send(assigned({ ports: [[22, 22]] }));
  await taken;
  await assert.rejects(at.open('127.0.0.1:80'), { code: 'policy.denied' });
});

for (const [what, change] of [
  ['another agent', { agentId: '0a000000-0000-4000-8000-0000000000ff' }],
  ['another session', { sessionId: '5e000000-0000-4000-8000-0000000000ff' }],
  ['another operator', { operator: 'bob' }],
] as const) {
  test(`session material for ${what} is refused`, async (t) => {
    const at = await stand(t);
    await at.control.send(assigned());
    const offered = at.sessions.ensure({ sessionId: SESSION, operator: 'alice', idleLimitMs: 1000, material: await at.material(change) }, never);
    await assert.rejects(offered, { code: 'session.refused' });
  });
}

test('session material by a key that control never had is refused', async (t) => {
  const at = await stand(t);
  await at.control.send(assigned());
  const { now } = at.world.clock;
  const forged = await mintMaterial(
    { sessionId: SESSION, operator: 'alice', agentId: AGENT, targets: ['*'], ports: ['22'], kinds: ['tcp'] },
    newSigningKey('k1'),
    { now: now(), expiresAt: now() + 1000 },
  );
  await assert.rejects(at.sessions.ensure({ sessionId: SESSION, operator: 'alice', idleLimitMs: 1000, material: forged }, never), { code: 'session.refused' });
});

/** A channel that carries nothing; its end as the gateway sees it. */
async function quietChannel(t: TestContext, at: Stand): Promise<{ reset: Promise<number> }> {
  const port = await startTarget(t, () => {});
  const { stream } = await at.open(`127.0.0.1:${port}`);
  stream.resume();
  return { reset: (once(stream, 'error') as Promise<[StreamReset]>).then(([error]) => error.code) };
}

test('a closed session, narrower terms and a narrower assignment end running channels', async (t) => {
  for (const change of [
    (at: Stand) => at.sessions.end(SESSION, 'idle'),
    async (at: Stand) => at.sessions.ensure({ sessionId: SESSION, operator: 'alice', idleLimitMs: 1000, material: await at.material({ ports: ['1'] }) }, never),
    (at: Stand) => at.control.send(assigned({ ports: [[1, 1]] })),
    (at: Stand) => at.control.send(assigned({ subnets: ['10.0.0.0/8'] })),
  ]) {
    const at = await ready(t);
    const { reset } = await quietChannel(t, at);
    await change(at);
    assert.equal(await reset, RESET.sessionEnded);
  }
});

test('a session closed while its target is dialled refuses the channel', async (t) => {
  const world = quietWorld();
  const hole: World = {
    ...world,
    net: {
      ...world.net,
      connect: (_to, signal) => new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true })),
    },
  };
  const at = await ready(t, { world: hole });
  const opened = assert.rejects(at.open('127.0.0.1:80'), { code: 'policy.denied' });
  await new Promise((resolve) => setImmediate(resolve));
  await at.sessions.end(SESSION, 'idle');
  await opened;
});

test('a stopped reader stops the target', async (t) => {
  const offered = 64 * 1024 * 1024;
  let sent = 0;
  const port = await startTarget(t, (socket) => {
    const block = Buffer.alloc(64 * 1024);
    const pump = () => {
      for (let room = true; room && sent < offered; sent += block.length) room = socket.write(block);
      if (sent < offered) socket.once('drain', pump);
    };
    pump();
  });
  const at = await ready(t);
  const { stream } = await at.open(`127.0.0.1:${port}`);
  for (let before = -1; sent === 0 || sent !== before; ) {
    before = sent;
    for (let round = 0; round < 200; round++) await new Promise((resolve) => setImmediate(resolve));
  }
  assert.ok(sent < offered / 2, `${sent} bytes taken from the target`);
  stream.destroy(new StreamReset(RESET.gaveUp));
});

test('drain: another link is asked for at once, this one goes on until the delay has passed', async (t) => {
  const world = quietWorld();
  const at = await ready(t, { world });
  const port = await startTarget(t, (socket) => socket.pipe(socket));
  const { stream } = await at.open(`127.0.0.1:${port}`);
  const taken = at.next('heartbeat');
  await at.control.send({ kind: 'drain', delayMs: 60_000, reason: 'the gateway is stopping' });
  await at.control.send(assigned());
  await taken;
  assert.deepEqual(at.wishes, ['drained']);
  await world.clock.advance(59_000);
  stream.write('still here');
  await once(stream, 'readable');
  stream.on('error', () => {});
  await world.clock.advance(1000);
  assert.deepEqual(await at.outcome, { why: 'drained' });
});

/** A link whose certificate is due, renewed while a channel is open. */
async function renewed(t: TestContext, version: 1 | 2) {
  const day = 86_400_000;
  const world = quietWorld();
  const random = { ...world.random, fraction: () => 0 };
  const due = { ...world, random, clock: Object.assign(Object.create(world.clock), { now: () => Date.now() + 300 * day }) as World['clock'] };
  const adopted: string[] = [];
  const adopt = async ({ certificatePem }: { certificatePem: string }) => void adopted.push(certificatePem);
  const at = version === 2 ? await ready(t, { world: due, adopt }) : await stand(t, { version, own: ['127.0.0.0/8'], world: due, adopt });
  const request = at.heard.find(({ kind }) => kind === 'cert-renewal-request') ?? (await at.next('cert-renewal-request'));
  assert.equal(request.kind, 'cert-renewal-request');
  const port = await startTarget(t, (socket) => socket.pipe(socket));
  const { stream } = await at.open(`127.0.0.1:${port}`);
  await at.control.send({ kind: 'cert-renewal-granted', certificatePem: 'new', caPem: 'ca', sessionKeys: version === 2 ? '{}' : undefined });
  while (adopted.length === 0) await new Promise((resolve) => setImmediate(resolve));
  return { at, stream, clock: world.clock };
}

test('a renewed certificate asks for another link; retired, this one ends a while after its last channel', async (t) => {
  const { at, stream, clock } = await renewed(t, 2);
  while (at.wishes.length === 0) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(at.wishes, ['renewed']);
  at.retire();
  await clock.advance(60_000);
  stream.end('still here');
  assert.equal(await text(stream), 'still here');
  while (clock.next !== LIMITS.streamCreditMs) await new Promise((resolve) => setImmediate(resolve));
  await clock.advance(LIMITS.streamCreditMs);
  assert.deepEqual(await at.outcome, { why: 'replaced' });
  assert.deepEqual(await at.gateway.closed, { by: 'peer', code: 3, reason: 'replaced by a newer link' });
});

test('a renewal that was asked for on demand ends with its link, not at its deadline', async (t) => {
  const at = await ready(t);
  const asked = at.next('cert-renewal-request');
  const renewed = at.service().renew({ rotateKey: false }, never);
  const begun = performance.now();
  void asked.then(() => at.gateway.close());
  await assert.rejects(renewed, { code: 'link.lost', message: /before the renewal was answered/ });
  assert.ok(performance.now() - begun < 5000);
});

test('a retired link with a channel that never ends is closed after the grace', async (t) => {
  const world = quietWorld();
  const at = await ready(t, { world });
  const port = await startTarget(t, (socket) => socket.pipe(socket));
  const { stream } = await at.open(`127.0.0.1:${port}`);
  stream.on('error', () => {});
  at.retire();
  await new Promise((resolve) => setImmediate(resolve));
  await world.clock.advance(LIMITS.replacedLinkGraceMs - 1);
  stream.write('still here');
  await once(stream, 'readable');
  await world.clock.advance(1);
  assert.deepEqual(await at.outcome, { why: 'replaced' });
});

test('version 1: a renewed certificate ends the link when no channel would be cut', async (t) => {
  const { at, stream } = await renewed(t, 1);
  stream.end('still here');
  assert.equal(await text(stream), 'still here');
  assert.deepEqual(await at.outcome, { why: 'renewed' });
  assert.deepEqual(at.wishes, []);
  assert.equal((await at.gateway.closed).reason, 'cert-renewed');
});

test('a stop tells the gateway, and refuses what is being dialled', async (t) => {
  const at = await ready(t);
  at.stop.abort(new TunnelError('interrupted', 'stopped'));
  await assert.rejects(at.outcome, { code: 'interrupted' });
  assert.deepEqual(await at.gateway.closed, { by: 'peer', code: 4, reason: 'shutting down' });
});

test('version 1: own routes in epoch 1 at once, channels without sessions, the same advertisement every 30 s', async (t) => {
  const world = quietWorld();
  const port = await startTarget(t, (socket) => socket.end('version 1'));
  const at = await stand(t, { version: 1, own: ['127.0.0.0/8', '*.corp.example', 'fd00::/64'], world });
  if (at.heard.length < 2) await at.next('heartbeat');
  const expected = {
    kind: 'route-advertise',
    epoch: 1n,
    subnets: ['127.0.0.0/8'],
    names: [
      { name: '*.corp.example', autoDetected: false },
      { name: 'corp.example', autoDetected: false },
    ],
  };
  assert.deepEqual(at.heard[0], expected);
  const { stream } = await at.open(`127.0.0.1:${port}`);
  stream.end();
  assert.equal(await text(stream), 'version 1');
  await assert.rejects(at.open('10.0.0.1:22'), { code: 'route.none' });
  const repeated = at.next('route-advertise');
  await world.clock.advance(30_000);
  assert.deepEqual(await repeated, expected);
});

test('version 1 after a lost link: shown again after 140 s, when no channel would be cut', async (t) => {
  const world = quietWorld();
  const port = await startTarget(t, (socket) => socket.pipe(socket));
  const at = await stand(t, { version: 1, own: ['127.0.0.0/8'], world, afterLoss: true });
  if (at.heard.length < 2) await at.next('heartbeat');
  const { stream } = await at.open(`127.0.0.1:${port}`);
  await world.clock.advance(140_000);
  stream.end('uncut');
  assert.equal(await text(stream), 'uncut');
  assert.deepEqual(await at.outcome, { why: 'forgotten' });
});

test('what was opened outlives its material; a new channel does not', async (t) => {
  const world = quietWorld();
  const port = await startTarget(t, (socket) => socket.pipe(socket));
  const at = await ready(t, { world });
  const { stream } = await at.open(`127.0.0.1:${port}`);
  await world.clock.advance(400_000);
  await assert.rejects(at.open(`127.0.0.1:${port}`), { code: 'policy.denied', message: /ended at/ });
  const taken = at.next('heartbeat');
  await at.control.send(assigned({ names: [] }));
  await taken;
  stream.end('uncut');
  assert.equal(await text(stream), 'uncut');
});
