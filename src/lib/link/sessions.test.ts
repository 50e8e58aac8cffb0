// Sessions on a link: opened once, updated on change, shared by callers, refused with the agent's reason; both ends against each other.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { TunnelError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { GatewayMessage } from '../protocol/messages.ts';
import { AgentSessions } from './agent-sessions.ts';
import { GatewaySessions, type Lease } from './gateway-sessions.ts';

const never = new AbortController().signal;
const lease = (material: string): Lease => ({ sessionId: '00112233-4455-6677-8899-aabbccddeeff', operator: 'ada', idleLimitMs: 900_000, material });

function gateway(version: 1 | 2 = 2) {
  const clock = new ManualClock();
  const ending = new AbortController();
  const sent: GatewayMessage[] = [];
  const send = async (message: GatewayMessage) => void sent.push(message);
  const sessions = new GatewaySessions({ version, send }, clock, ending.signal);
  const kinds = () => sent.map((message) => message.kind);
  return { clock, ending, sent, kinds, sessions };
}

/** The gateway's end with an agent that refuses the material "bad". */
function both() {
  const { clock, sent, sessions } = gateway();
  const judged: string[] = [];
  const agent = new AgentSessions<string>(async ({ material }) => {
    judged.push(material);
    if (material === 'bad') throw new TunnelError('session.refused', 'the signature is not the gateway’s');
    return material;
  });
  /** Lets the agent answer all that was sent. */
  const deliver = async () => {
    for (const message of sent.splice(0)) {
      if (message.kind === 'session-open' || message.kind === 'session-update') sessions.answered(await agent.offered(message));
      if (message.kind === 'session-close') agent.close(message.sessionId);
    }
  };
  const ensure = async (material: string) => {
    const done = sessions.ensure(lease(material), never);
    done.catch(() => {});
    await Promise.resolve();
    const kinds = sent.map(({ kind }) => kind);
    await deliver();
    await done;
    return kinds;
  };
  return { clock, sent, sessions, agent, judged, deliver, ensure };
}

test('opened once, updated when the material changes, closed', async () => {
  const { agent, ensure, sessions, deliver } = both();
  assert.deepEqual(await ensure('one'), ['session-open']);
  assert.deepEqual(await ensure('one'), []);
  assert.deepEqual(await ensure('two'), ['session-update']);
  assert.equal(agent.grant(lease('').sessionId), 'two');
  await sessions.close(lease('').sessionId, 'idle');
  await deliver();
  assert.equal(agent.size, 0);
  assert.deepEqual(await ensure('two'), ['session-open'], 'a closed session begins anew');
});

test('a refused session is asked for again, a refused update leaves the terms before it', async () => {
  const { agent, judged, ensure } = both();
  await assert.rejects(ensure('bad'), { code: 'session.refused', message: /the signature is not/ });
  await assert.rejects(ensure('bad'), { code: 'session.refused' });
  await ensure('good');
  await assert.rejects(ensure('bad'), { code: 'session.refused' });
  await assert.rejects(ensure('bad'), { code: 'session.refused' });
  assert.deepEqual(judged, ['bad', 'bad', 'good', 'bad', 'bad'], 'asked for again, not remembered');
  assert.equal(agent.grant(lease('').sessionId), 'good');
  assert.deepEqual(await ensure('good'), ['session-update']);
});

test('callers at once share one open; one that gives up ends only its own wait', async () => {
  const { sessions, sent, deliver } = both();
  const ending = new AbortController();
  const [stays, leaves] = [sessions.ensure(lease('one'), never), sessions.ensure(lease('one'), ending.signal)];
  const left = assert.rejects(leaves, /left/);
  ending.abort(new Error('left'));
  await left;
  assert.equal(sent.length, 1);
  await deliver();
  await stays;
});

test('answers out of order go to the question they belong to', async () => {
  const { sessions, sent } = gateway();
  const [one, two] = [sessions.ensure(lease('one'), never), sessions.ensure(lease('two'), never)];
  await Promise.resolve();
  const [first, second] = sent;
  assert.ok(first?.kind === 'session-open' && second?.kind === 'session-open', 'an open until the agent is known to hold it');
  sessions.answered({ kind: 'session-ready', sessionId: second.sessionId, revision: second.revision });
  await two;
  sessions.answered({ kind: 'session-refused', sessionId: first.sessionId, revision: first.revision, code: 'too-many', reason: '' });
  await assert.rejects(one, { code: 'limit.reached' });
  await sessions.ensure(lease('two'), never);
  assert.equal(sent.length, 2);
});

test('an agent that does not answer; a link that ends', async () => {
  const { sessions, clock, ending } = gateway();
  const silent = assert.rejects(sessions.ensure(lease('one'), never), { code: 'agent.silent' });
  await clock.advance(15_000);
  await silent;
  const lost = assert.rejects(sessions.ensure(lease('one'), never), /link lost/);
  ending.abort(new Error('link lost'));
  await lost;
  assert.equal(clock.pending, 0);
});

test('version 1 has no sessions', async () => {
  const { sessions, kinds } = gateway(1);
  await sessions.ensure(lease('one'), never);
  await sessions.close(lease('one').sessionId, 'idle');
  assert.deepEqual(kinds(), []);
});

test('an agent holds so many sessions and no more, and updates none that it does not hold', async () => {
  const agent = new AgentSessions(async () => true);
  const open = (index: number) =>
    ({ kind: 'session-open', ...lease('x'), sessionId: `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`, revision: index }) as const;
  const { operator: _operator, ...update } = { ...open(1), kind: 'session-update' as const };
  assert.partialDeepStrictEqual(await agent.offered(update), { kind: 'session-refused', code: 'not-allowed' });
  for (let index = 1; index <= LIMITS.sessionsPerAgent; index += 1) assert.equal((await agent.offered(open(index))).kind, 'session-ready');
  assert.partialDeepStrictEqual(await agent.offered(open(LIMITS.sessionsPerAgent + 1)), { kind: 'session-refused', code: 'too-many' });
  assert.equal((await agent.offered(open(1))).kind, 'session-ready', 'one that is open may be offered again');
});
