// A lease on a clock that stands still, with a gateway and an edge that are what the test says: when it heals, who waits for it, what it gives up and why.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { quietWorld } from '../../../test/support/quiet-world.ts';
import type { SessionGrant, SessionRequest } from '../api/contract.ts';
import { TunnelError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { EdgeNotice } from '../protocol/operator.ts';
import type { EdgeConnection } from './edge-connection.ts';
import type { LeaseEvent, LeaseOptions } from './lease.ts';
import type { Channel } from './open-channel.ts';
import { startLease } from './start-lease.ts';

const [A, B] = ['10.0.0.1:22', '10.0.0.2:22'] as const;
const MINUTE = 60_000;
const away = () => new TunnelError('gateway.unreachable', 'the gateway is away');

/** Everything works until the test breaks it. */
async function stand(t: TestContext, more: Partial<LeaseOptions> = {}) {
  const world = quietWorld();
  const { clock } = world;
  const at = {
    api: undefined as TunnelError | undefined,
    dial: undefined as TunnelError | undefined,
    open: undefined as TunnelError | undefined,
    refused: new Map<string, string>(),
    /** Of sessions: another one for every target. */
    generation: 1,
    requests: [] as SessionRequest[],
    attached: [] as { readonly active: boolean; readonly at: number }[],
    opened: [] as string[],
    edges: 0,
  };
  const sessionOf = (target: string) => `session of ${target}, ${at.generation}`;
  let current = { lost: (_why: string) => {}, tell: (_notice: EdgeNotice) => {} };
  const dial = async (): Promise<EdgeConnection> => {
    if (at.dial) throw at.dial;
    at.edges += 1;
    const closed = Promise.withResolvers<string>();
    const edge = { lost: closed.resolve, tell: (_notice: EdgeNotice) => {} };
    current = edge;
    return {
      closed: closed.promise,
      async attach({ active }, onNotice) {
        at.attached.push({ active, at: clock.monotonic() });
        edge.tell = onNotice;
      },
      async open(target) {
        if (at.open) throw at.open;
        at.opened.push(target);
        return { target } as unknown as Channel;
      },
      roundTripMs: () => undefined,
      close: async () => closed.resolve('closed'),
    };
  };
  const openSession = async (request: SessionRequest): Promise<SessionGrant> => {
    at.requests.push(request);
    if (at.api) throw at.api;
    const there = request.targets.filter((target) => !at.refused.has(target) && target !== '*');
    return {
      token: `token ${at.requests.length}`,
      expires_at: new Date(clock.now() + 5 * MINUTE).toISOString(),
      connect: 'gw:1',
      proxy: null,
      ca_pem: '',
      idle_seconds: 900,
      targets: there.map((target) => ({ target, agent: 'web1', session_id: sessionOf(target), longest_ends_at: null })),
      refused: request.targets.flatMap((target) => {
        const code = at.refused.get(target);
        return code === undefined ? [] : [{ target, code, message: `${target} is refused` }];
      }),
    };
  };
  const events: LeaseEvent[] = [];
  const options = { api: { openSession }, request: { targets: [A, B] }, waitMs: 0, onEvent: (event: LeaseEvent) => events.push(event), ...more };
  const lease = await startLease(options, world, t.signal, dial);
  t.after(() => lease[Symbol.asyncDispose]());
  const settle = () => clock.advance(0);
  return {
    at,
    clock,
    lease,
    events,
    kinds: () => events.map(({ kind }) => kind),
    settle,
    async cut() {
      current.lost('the connection was cut');
      await settle();
    },
    async tell(notice: Partial<EdgeNotice> & { readonly reason: string }, target?: string) {
      current.tell({ kind: 'edge-notice', message: `told: ${notice.reason}`, sessionId: target === undefined ? undefined : sessionOf(target), ...notice });
      await settle();
    },
    connect: (target: string = A) => lease.connect(target, t.signal),
  };
}

test('renewed before the token ends, without another attach and without being activity', async (t) => {
  const { at, clock, kinds } = await stand(t);
  await clock.advance(20 * MINUTE);
  assert.ok(at.requests.length >= 6 && at.requests.length <= 8, `${at.requests.length}`);
  assert.deepEqual(at.requests[1], { targets: [A, B], renewal: true });
  assert.deepEqual([at.attached, kinds()], [[{ active: true, at: 0 }], []]);
});

test('--keep-alive answers a warning at once', async (t) => {
  const { at, clock, tell } = await stand(t, { keepAlive: true });
  await clock.advance(MINUTE);
  await tell({ reason: 'too-long', endsInMs: MINUTE / 2 }, A);
  assert.deepEqual(at.attached.at(-1), { active: true, at: MINUTE });
});

test('--keep-alive is said three times in each idle time', async (t) => {
  const { at, clock } = await stand(t, { keepAlive: true });
  await clock.advance(15 * MINUTE);
  assert.deepEqual(
    at.attached.filter(({ active }) => active).map((attached) => attached.at),
    [0, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE],
  );
});

test('a lost connection is made again; who connects meanwhile waits and goes on', async (t) => {
  const { at, clock, connect, cut, kinds, events } = await stand(t);
  at.api = away();
  await cut();
  const waiting = connect();
  await clock.advance(20_000);
  assert.deepEqual(at.opened, []);
  at.api = undefined;
  await clock.advance(LIMITS.healWantedCeilingMs + LIMITS.backoffFirstMs);
  await waiting;
  assert.deepEqual([at.opened, at.edges, kinds()], [[A], 2, ['lost', 'healed']]);
  const [, healed] = events;
  assert.ok(healed?.kind === 'healed' && healed.outageMs >= 20_000 && healed.targets.length === 2);
  assert.equal(at.attached.at(-1)?.active, false);
});

test('who waits for too long gets the last failure, and the lease goes on', async (t) => {
  const { at, clock, connect, cut } = await stand(t, { healWaitMs: 3000 });
  at.dial = away();
  await cut();
  const waiting = assert.rejects(connect(), { code: 'gateway.unreachable', message: 'the gateway is away' });
  await clock.advance(5000);
  await waiting;
  at.dial = undefined;
  await clock.advance(10_000);
  await connect();
});

test('given up after 10 minutes, with what was the matter, and never before', async (t) => {
  const { at, clock, connect, cut, lease } = await stand(t);
  at.api = away();
  await cut();
  let over = false;
  const gaveUp = { code: 'outage.too-long', kind: 'unreachable', message: /after 10 minutes: the gateway is away/ };
  const ended = assert.rejects(lease.ended, gaveUp).then(() => {
    over = true;
  });
  await clock.advance(LIMITS.healAtMostMs - 1);
  assert.equal(over, false);
  await clock.advance(1);
  await ended;
  await assert.rejects(connect(), { code: 'outage.too-long' });
});

test('the way is found again within seconds of being wanted, however long it was away', async (t) => {
  const { at, clock, connect, cut, settle } = await stand(t);
  at.api = away();
  await cut();
  await clock.advance(9 * MINUTE);
  at.api = undefined;
  const began = clock.monotonic();
  const waiting = connect().then(() => clock.monotonic() - began);
  await settle();
  await clock.advance(5000);
  const tookMs = await waiting;
  assert.ok(tookMs <= LIMITS.healWantedCeilingMs, `${tookMs} ms`);
});

test('an agent that is away costs its own target alone', async (t) => {
  const { at, clock, connect, tell, events } = await stand(t);
  at.refused.set(B, 'agent.offline');
  await tell({ reason: 'agent-lost' }, B);
  await connect(A);
  const waiting = connect(B);
  await clock.advance(10_000);
  assert.deepEqual(at.opened, [A]);
  at.refused.clear();
  at.generation = 2;
  await clock.advance(5000);
  await waiting;
  assert.deepEqual(at.opened, [A, B]);
  assert.deepEqual(
    events.map((event) => ('targets' in event ? [event.kind, ...event.targets] : [event.kind])),
    [
      ['lost', B],
      ['healed', B],
    ],
  );
  assert.equal(at.attached.length, 2, 'the new session is attached too');
});

for (const [what, reason, code] of [
  ['idle', 'idle', 'session.idle'],
  ['closed by the operator elsewhere', 'operator-closed', 'session.closed'],
] as const) {
  test(`${what}: its target is over at once, and with the last one the lease`, async (t) => {
    const { connect, lease, tell, kinds } = await stand(t);
    await tell({ reason }, A);
    await assert.rejects(connect(A), { code });
    await connect(B);
    assert.deepEqual(kinds(), ['target-over']);
    const ended = assert.rejects(lease.ended, { code });
    await tell({ reason }, B);
    await ended;
  });
}

test('taken back: the gateway is asked at once, and its refusal is told in the words of the notice', async (t) => {
  const { at, lease, tell } = await stand(t);
  at.refused.set(A, 'policy.denied').set(B, 'route.none');
  const ended = assert.rejects(lease.ended, { code: 'route.none', message: 'told: agent-removed' });
  await tell({ reason: 'agent-removed' });
  await ended;
});

test('taken back, and given again: it goes on', async (t) => {
  const { at, connect, tell, kinds } = await stand(t);
  at.generation = 2;
  await tell({ reason: 'login-ended', sessionId: `session of ${A}, 1` });
  await connect(A);
  assert.deepEqual([at.requests.length, at.attached.length, kinds()], [2, 2, []]);
});

for (const code of ['login.refused', 'policy.denied'] as const) {
  test(`${code} at a renewal ends it at once`, async (t) => {
    const { at, clock, lease } = await stand(t);
    const ended = assert.rejects(lease.ended, { code });
    at.api = new TunnelError(code, 'no more');
    await clock.advance(3 * MINUTE);
    await ended;
  });
}

test("a hotel's own certificate is an outage, not an end", async (t) => {
  const { at, clock, connect, cut } = await stand(t);
  at.api = new TunnelError('certificate.refused', 'somebody else answers');
  await cut();
  await clock.advance(MINUTE);
  at.api = undefined;
  await clock.advance(10_000);
  await connect();
});

test('behind a proxy any session may end; the proxy ends with the login alone', async (t) => {
  const { at, connect, lease, tell, kinds } = await stand(t, { request: { targets: ['*'] } });
  await tell({ reason: 'idle' }, A);
  await connect('db.corp.example:5432');
  assert.deepEqual(kinds(), ['session-ended']);
  at.open = new TunnelError('route.none', 'nobody carries that');
  await assert.rejects(connect('db.corp.example:1'), { code: 'route.none' });
  at.api = new TunnelError('login.refused', 'no more');
  const ended = assert.rejects(lease.ended, { code: 'login.refused' });
  await tell({ reason: 'login-ended' });
  await ended;
});

test('a warning comes with its time, and ends nothing', async (t) => {
  const { connect, events, tell } = await stand(t);
  await tell({ reason: 'idle', endsInMs: MINUTE }, A);
  await connect(A);
  assert.deepEqual(events, [{ kind: 'ends-soon', reason: 'idle', message: 'told: idle', endsInMs: MINUTE }]);
});

test("a target's own failure is nobody's outage", async (t) => {
  const { at, connect, kinds } = await stand(t);
  at.open = new TunnelError('target.refused', 'nobody listens');
  await assert.rejects(connect(), { code: 'target.refused' });
  assert.deepEqual(kinds(), []);
});
