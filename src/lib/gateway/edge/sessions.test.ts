// Sessions on a link: opened once, updated on change, shared by callers, refused with the agent's reason; both ends against each other.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../../../../test/support/manual-clock.ts';
import { TunnelError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { AgentSessions } from '../../link/agent-sessions.ts';
import type { GatewayMessage } from '../../protocol/messages.ts';
import type { SessionLease } from '../contract.ts';
import { LinkSessions } from './sessions.ts';

const never = new AbortController().signal;
const lease = (material: string): SessionLease => ({ sessionId: '00112233-4455-6677-8899-aabbccddeeff', operator: 'ada', idleLimitMs: 900_000, material });

function gateway(version: 1 | 2 = 2) {
  const clock = new ManualClock();
  const sent: GatewayMessage[] = [];
  const send = async (message: GatewayMessage) => void sent.push(message);
  const sessions = new LinkSessions({ version, send }, clock);
  const kinds = () => sent.map((message) => message.kind);
  return { clock, sent, kinds, sessions };
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
      if (message.kind === 'session-open' || message.kind === 'session-update') sessions.hear(await agent.offered(message));
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
  await sessions.end(lease('').sessionId, 'idle');
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

test('whoever waits gets the answer to the newest offer', async () => {
  const { sessions, sent } = gateway();
  const [one, two] = [sessions.ensure(lease('one'), never), sessions.ensure(lease('two'), never)];
  const [first, second] = sent;
  assert.ok(first?.kind === 'session-open' && second?.kind === 'session-update');
  assert.deepEqual([first.revision, second.revision], [1, 2]);
  sessions.hear({ kind: 'session-ready', sessionId: first.sessionId, revision: first.revision });
  sessions.hear({ kind: 'session-refused', sessionId: second.sessionId, revision: second.revision, code: 'too-many', reason: '' });
  await Promise.all([one, two].map((waiting) => assert.rejects(waiting, { code: 'limit.reached' })));
  const again = sessions.ensure(lease('one'), never);
  assert.equal(sent[2]?.kind, 'session-update', 'the agent still holds the first terms');
  sessions.hear({ kind: 'session-ready', sessionId: first.sessionId, revision: 3 });
  assert.equal((await again).aborted, false);
});

test('an agent that does not answer; one that closes the session, which ends its channels', async () => {
  const { sessions, clock, sent } = gateway();
  const silent = assert.rejects(sessions.ensure(lease('one'), never), { code: 'agent.silent' });
  await clock.advance(15_000);
  await silent;
  const taken = sessions.ensure(lease('one'), never);
  sessions.hear({ kind: 'session-ready', sessionId: lease('').sessionId, revision: sent.length });
  const ended = await taken;
  sessions.hear({ kind: 'session-close', sessionId: lease('').sessionId, reason: 'stopping' });
  assert.equal(ended.aborted, true);
  assert.equal(clock.pending, 0);
});

test('version 1 has no sessions', async () => {
  const { sessions, kinds } = gateway(1);
  await sessions.ensure(lease('one'), never);
  await sessions.end(lease('one').sessionId, 'idle');
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
