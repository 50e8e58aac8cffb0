// Enrolment in the store: one of many, repeated by the same key, refused without a trace, replaced.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import type { ManualClock } from '../../../test/support/manual-clock.ts';
import { agentToken, codes, enrolment, HOUR, newAgent, openAt, storePath } from '../../../test/support/store-rows.ts';
import { LIMITS } from '../base/limits.ts';
import { realWorld } from '../system/real-world.ts';
import { type EnrolmentRequest, enrol } from './enrol.ts';
import { login } from './login.ts';
import { openStore, type Store } from './open.ts';

const world = realWorld({ level: 'silent' });

test('a hundred enrol with one token through two stores: one agent, one certificate', async (t) => {
  const path = await storePath(t);
  await using one = await openStore(path, world);
  await using two = await openStore(path, world);
  await one.tokens.insert(agentToken({ expiresAt: Date.now() + HOUR }));
  const outcomes = await Promise.all(
    Array.from({ length: 100 }, (_, turn) => enrol(turn % 2 === 0 ? one : two, enrolment({ agentId: `agent-${turn}`, spkiSha256: `spki-${turn}` }))),
  );
  assert.equal(outcomes.filter(({ outcome }) => outcome === 'enrolled').length, 1);
  assert.equal(outcomes.filter((result) => result.outcome === 'refused' && result.reason === 'used').length, 99);
  const { rows } = await two.agents.list({ after: null, limit: 10 });
  assert.equal(rows.length, 1);
  assert.equal(await one.certificates.count(), 1);
  assert.deepEqual(await codes(one), ['agent.enrolled']);
});

test('a hundred enrol with a token of ten uses through two stores: ten agents, each named after its id', async (t) => {
  const path = await storePath(t);
  await using one = await openStore(path, world);
  await using two = await openStore(path, world);
  await one.tokens.insert(agentToken({ name: 'ci', maxUses: 10, ephemeral: true, expiresAt: Date.now() + HOUR }));
  const requests = Array.from({ length: 100 }, (_, turn) => enrolment({ agentId: randomUUID(), spkiSha256: `spki-${turn}` }));
  const outcomes = await Promise.all(requests.map((request, turn) => enrol(turn % 2 === 0 ? one : two, request)));
  assert.equal(outcomes.filter(({ outcome }) => outcome === 'enrolled').length, 10);
  assert.equal(outcomes.filter((result) => result.outcome === 'refused' && result.reason === 'used').length, 90);
  const { rows } = await two.agents.list({ after: null, limit: 100 });
  assert.deepEqual(
    rows.map(({ name, ephemeral }) => [name, ephemeral]),
    rows.map(({ id }) => [`ci-${id.slice(0, 8)}`, true]),
  );
  assert.deepEqual([rows.length, (await one.tokens.byId('jti-1'))?.uses], [10, 10]);
});

test('one key, twenty times at once with a token of ten uses: one agent, one use, one answer', async (t) => {
  const path = await storePath(t);
  await using one = await openStore(path, world);
  await using two = await openStore(path, world);
  await one.tokens.insert(agentToken({ name: 'ci', maxUses: 10, expiresAt: Date.now() + HOUR }));
  const outcomes = await Promise.all(Array.from({ length: 20 }, (_, turn) => enrol(turn % 2 === 0 ? one : two, enrolment({ agentId: randomUUID() }))));
  assert.equal(outcomes.filter(({ outcome }) => outcome === 'enrolled').length, 1);
  assert.equal(new Set(outcomes.map((result) => (result.outcome === 'refused' ? result.reason : result.answer))).size, 1);
  assert.equal((await one.tokens.byId('jti-1'))?.uses, 1);
});

test('two ids that begin alike are two names', async (t) => {
  const { store } = await openAt(t);
  await store.tokens.insert(agentToken({ name: 'ci', maxUses: 2 }));
  for (const [turn, agentId] of ['3f9a2b1c-0000-4000-8000-000000000001', '3f9a2b1c-0000-4000-8000-000000000002'].entries())
    await enrol(store, enrolment({ agentId, spkiSha256: `spki-${turn}` }));
  assert.deepEqual(
    (await store.agents.list({ after: null, limit: 10 })).rows.map(({ name }) => name),
    ['ci-3f9a2b1c', 'ci-3f9a2b1c00004000'],
  );
});

test('the same key again gets the same answer for a while, another key never', async (t) => {
  const { store, clock } = await openAt(t);
  await store.tokens.insert(agentToken());
  const first = await enrol(store, enrolment());
  assert.equal(first.outcome, 'enrolled');
  await clock.advance(LIMITS.enrolmentRepeatMs - 1);
  assert.deepEqual(await enrol(store, enrolment({ agentId: 'another' })), { outcome: 'repeated', agent: first.agent, answer: first.answer });
  assert.deepEqual(await enrol(store, enrolment({ spkiSha256: 'spki-2' })), { outcome: 'refused', reason: 'used' });
  assert.deepEqual(await enrol(store, enrolment({ tokenHash: 'other' })), { outcome: 'refused', reason: 'unknown' });
  await clock.advance(1);
  assert.deepEqual(await enrol(store, enrolment()), { outcome: 'refused', reason: 'used' });
});

test('no repeat for an agent that was deleted, also when another has its name now', async (t) => {
  const { store } = await openAt(t);
  await store.tokens.insert(agentToken());
  await enrol(store, enrolment());
  await store.agents.delete('agent-1');
  assert.deepEqual(await enrol(store, enrolment()), { outcome: 'refused', reason: 'used' });
  await store.agents.insert(newAgent({ id: 'agent-2' }));
  assert.deepEqual(await enrol(store, enrolment()), { outcome: 'refused', reason: 'used' });
});

const refusals: [string, (store: Store, clock: ManualClock) => Promise<unknown>, Partial<EnrolmentRequest>, string][] = [
  ['an unknown token', async () => {}, { tokenId: 'other' }, 'unknown'],
  ['a string that was not minted', async () => {}, { tokenHash: 'other' }, 'unknown'],
  ['an expired token', (_, clock) => clock.advance(HOUR), {}, 'expired'],
  ['a revoked token', (store) => store.tokens.revoke('jti-1'), {}, 'revoked'],
  ['a name that is taken', (store) => store.agents.insert(newAgent({ id: 'agent-0' })), {}, 'name-taken'],
  ['an id that is taken', (store) => store.agents.insert(newAgent({ name: 'web0' })), {}, 'id-taken'],
  [
    'an id that was deleted',
    async (store) => {
      await store.agents.insert(newAgent({ name: 'web0' }));
      await store.agents.delete('agent-1');
    },
    {},
    'id-taken',
  ],
  [
    "another agent's key",
    async (store) => {
      await store.agents.insert(newAgent({ id: 'agent-0', name: 'web0' }));
      await store.certificates.insert({ serial: 's', agentId: 'agent-0', spkiSha256: 'spki-1', fingerprint: 'f', notBefore: 0, notAfter: 0 });
    },
    {},
    'key-taken',
  ],
];
for (const [name, prepare, request, reason] of refusals) {
  test(`enrolment with ${name} is refused and changes nothing`, async (t) => {
    const { store, clock } = await openAt(t);
    await store.tokens.insert(agentToken());
    await prepare(store, clock);
    const before = await store.agents.list({ after: null, limit: 10 });
    assert.deepEqual(await enrol(store, enrolment(request)), { outcome: 'refused', reason });
    assert.deepEqual(await store.agents.list({ after: null, limit: 10 }), before);
    assert.equal((await store.tokens.byId('jti-1'))?.usedAt, null, 'the token is not burnt');
    assert.deepEqual(await codes(store), []);
  });
}

test('a certificate that cannot be signed burns no token', async (t) => {
  const { store } = await openAt(t);
  await store.tokens.insert(agentToken());
  await assert.rejects(enrol(store, enrolment({ issue: () => Promise.reject(new Error('no CA')) })), /no CA/);
  assert.equal((await enrol(store, enrolment())).outcome, 'enrolled');
});

test('--replace keeps the id and ends the old certificate', async (t) => {
  const { store } = await openAt(t);
  await store.tokens.insert(agentToken());
  await enrol(store, enrolment());
  const [old] = (await store.certificates.newestOf(['agent-1'])).values();
  assert.ok(old);
  assert.ok(await store.certificates.admissible(old));
  await store.tokens.insert(agentToken({ id: 'jti-2', hash: 'hash-2', replaces: true, routes: ['10.1.0.0/16'] }));
  const again = await enrol(store, enrolment({ tokenId: 'jti-2', tokenHash: 'hash-2', spkiSha256: 'spki-2', agentId: 'agent-2' }));
  assert.ok(again.outcome === 'enrolled' && again.replaced);
  assert.equal(again.agent.id, 'agent-1');
  assert.deepEqual(again.agent.allowedRoutes, ['10.1.0.0/16']);
  assert.equal(await store.certificates.admissible(old), undefined);
  const [fresh] = (await store.certificates.newestOf(['agent-1'])).values();
  assert.ok(fresh && fresh.spkiSha256 === 'spki-2' && (await store.certificates.admissible(fresh)));
});

test('a token of one kind is no token of another', async (t) => {
  const { store } = await openAt(t);
  await store.tokens.insert(agentToken({ kind: 'operator' }));
  assert.deepEqual(await enrol(store, enrolment()), { outcome: 'refused', reason: 'unknown' });
  await store.tokens.insert(agentToken({ id: 'jti-2', hash: 'hash-2' }));
  const asLogin = await login(store, { tokenId: 'jti-2', tokenHash: 'hash-2', operatorId: 'o', credentialHash: 'c', remote: 'x' });
  assert.deepEqual(asLogin, { outcome: 'refused', reason: 'unknown' });
});
