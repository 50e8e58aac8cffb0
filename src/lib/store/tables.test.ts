// The rules that the tables keep when many race: tokens, certificates, sessions, the audit log.
import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { agentToken, codes, HOUR, newAgent, openAt, START, storePath } from '../../../test/support/store-rows.ts';
import { realWorld } from '../system/real-world.ts';
import { login } from './login.ts';
import { openStore } from './open.ts';
import { isForeignKey, isUnique } from './store-error.ts';

const world = realWorld({ level: 'silent' });

test('a hundred spend one token through two stores: one has it', async (t) => {
  const path = await storePath(t);
  await using one = await openStore(path, world);
  await using two = await openStore(path, world);
  await one.tokens.insert(agentToken({ expiresAt: Date.now() + HOUR }));
  const spent = await Promise.all(Array.from({ length: 100 }, (_, turn) => (turn % 2 === 0 ? one : two).tokens.spend('jti-1', 'hash-1', ['agent'])));
  assert.equal(spent.filter(Boolean).length, 1);
});

test('a certificate lets in its own agent with its own key only, until it is revoked or the agent deleted', async (t) => {
  const { store, clock } = await openAt(t);
  await store.agents.insert(newAgent());
  await store.agents.insert(newAgent({ id: 'agent-2', name: 'web2' }));
  const shown = { serial: 's1', agentId: 'agent-1', spkiSha256: 'spki-1', fingerprint: 'f', notBefore: 0, notAfter: START };
  await store.certificates.insert(shown);
  await store.certificates.insert({ ...shown, serial: 's2' });
  assert.ok(await store.certificates.admissible(shown));
  for (const wrong of [{ serial: 's3' }, { agentId: 'agent-2' }, { spkiSha256: 'spki-2' }])
    assert.equal(await store.certificates.admissible({ ...shown, ...wrong }), undefined);

  await store.certificates.revokeOf('agent-1', { exceptSerial: 's2', at: clock.now() + 1000 });
  assert.ok(await store.certificates.admissible(shown), 'the grace of a renewal');
  await clock.advance(1000);
  assert.equal(await store.certificates.admissible(shown), undefined);
  assert.ok(await store.certificates.admissible({ ...shown, serial: 's2' }));

  const second = { ...shown, serial: 's2' };
  await store.agents.change('agent-1', { lock: { at: clock.now(), reason: 'stolen' } });
  assert.equal(await store.certificates.admissible(second), undefined);
  assert.equal((await store.agents.change('agent-1', { lock: null }))?.lock, null);
  assert.ok(await store.certificates.admissible(second));

  assert.equal((await store.transaction((tables) => tables.agents.revoke('agent-1')))?.state, 'revoked');
  assert.equal(await store.certificates.admissible(second), undefined);
  await store.agents.change('agent-1', { state: 'active' }); // as enrolling it again does
  assert.equal(await store.certificates.admissible(second), undefined, 'for ever');
  await assert.rejects(store.certificates.insert({ ...shown, serial: 's4' }), { code: 'csr.refused' }, 'nor the same key under another serial');
  await store.certificates.insert({ ...shown, serial: 's5', spkiSha256: 'spki-3' });
  assert.ok(await store.certificates.admissible({ ...shown, serial: 's5', spkiSha256: 'spki-3' }), 'a new key lets it in');

  assert.equal((await store.transaction((tables) => tables.agents.delete('agent-1')))?.state, 'deleted');
  assert.equal(await store.certificates.admissible({ ...shown, serial: 's2' }), undefined);
  assert.equal(await store.agents.byNameOrId('web1'), undefined);
  assert.equal(await store.agents.byNameOrId('agent-1'), undefined);
  assert.equal(await store.agents.change('agent-1', { os: 'linux' }), undefined);
  assert.equal((await store.agents.insert(newAgent({ id: 'agent-3' }))).name, 'web1', 'its name is free again');
});

test('a change of an agent changes what it names', async (t) => {
  const { store, clock } = await openAt(t);
  const agent = await store.agents.insert(newAgent({ ports: ['22'] }));
  assert.deepEqual(await store.agents.change('agent-1', {}), agent);
  assert.deepEqual(await store.agents.change('agent-1', { ports: null, bareNamesAreSuffixes: true }), { ...agent, ports: null, bareNamesAreSuffixes: true });
  await clock.advance(5);
  await store.agents.seen(['agent-1', 'nobody']);
  assert.equal((await store.agents.byId('agent-1'))?.lastSeen, START + 5);
  await assert.rejects(store.agents.insert(newAgent({ id: 'agent-2' })), (error) => isUnique(error, 'agents.name'));
  await assert.rejects(store.agents.insert(newAgent({ name: 'web2' })), (error) => isUnique(error, 'agents.id'));
});

test('lists come page by page, each row once', async (t) => {
  const { store, clock } = await openAt(t);
  for (let each = 0; each < 7; each++) {
    await store.agents.insert(newAgent({ id: `agent-${each}`, name: `web${each}` }));
    await store.tokens.insert(agentToken({ id: `jti-${9 - each}`, hash: `hash-${each}` }));
    if (each % 3 === 0) await clock.advance(1);
  }
  const collect = async (list: (after: string | null) => Promise<{ rows: readonly { id: string }[]; next: string | null }>): Promise<string[]> => {
    const ids: string[] = [];
    for (let after: string | null = null; ; ) {
      const { rows, next } = await list(after);
      ids.push(...rows.map(({ id }) => id));
      if (next === null) return ids;
      after = next;
    }
  };
  assert.deepEqual(
    await collect((after) => store.agents.list({ after, limit: 3 })),
    [0, 1, 2, 3, 4, 5, 6].map((each) => `agent-${each}`),
  );
  assert.deepEqual(await collect((after) => store.tokens.list({ after, limit: 2 })), ['jti-9', 'jti-6', 'jti-7', 'jti-8', 'jti-3', 'jti-4', 'jti-5']);
});

test('a login token gives one credential, which lives as long as it says', async (t) => {
  const { store, clock } = await openAt(t);
  await store.tokens.insert(agentToken({ kind: 'operator', name: 'alice', agents: ['web1'], credentialMs: 1000 }));
  const request = { tokenId: 'jti-1', tokenHash: 'hash-1', operatorId: 'op-1', remote: '192.0.2.1' };
  const outcomes = await Promise.all(
    Array.from({ length: 20 }, (_, turn) => login(store, { ...request, operatorId: `op-${turn}`, credentialHash: `c-${turn}` })),
  );
  const won = outcomes.findIndex(({ outcome }) => outcome === 'logged-in');
  assert.equal(outcomes.filter(({ outcome }) => outcome === 'logged-in').length, 1);
  const found = await store.credentials.find(`c-${won}`);
  assert.equal(found?.operator.name, 'alice');
  assert.deepEqual(found?.operator.agents, ['web1']);
  assert.equal(await store.credentials.find('c-99'), undefined);

  await store.tokens.insert(agentToken({ id: 'jti-2', hash: 'hash-2', kind: 'admin', name: 'alice', replaces: true, credentialMs: HOUR }));
  const again = await login(store, { ...request, tokenId: 'jti-2', tokenHash: 'hash-2', operatorId: 'op-x', credentialHash: 'c-x' });
  assert.ok(again.outcome === 'logged-in');
  assert.equal(again.operator.id, found?.operator.id);
  assert.equal(again.operator.kind, 'admin');
  assert.equal(await store.credentials.revoke('c-x'), true);
  assert.equal(await store.credentials.revoke('c-x'), false);
  assert.equal(await store.credentials.find('c-x'), undefined);
  await clock.advance(1000);
  assert.equal(await store.credentials.find(`c-${won}`), undefined);
});

test('one live session for an operator on an agent, however many open at once', async (t) => {
  const { store, clock } = await openAt(t);
  await store.agents.insert(newAgent());
  await store.agents.insert(newAgent({ id: 'agent-2', name: 'web2' }));
  await store.operators.upsert({ id: 'op-1', name: 'alice', kind: 'operator', agents: null, targets: null });
  const open = (id: string, agentId = 'agent-1') => store.sessions.openOrJoin({ id, operatorId: 'op-1', agentId, newTunnelId: `t-${id}` });
  const opened = await Promise.all(Array.from({ length: 20 }, (_, turn) => open(`s-${turn}`)));
  assert.equal(opened.filter(({ joined }) => !joined).length, 1);
  assert.equal(new Set(opened.map(({ session }) => session.id)).size, 1);
  const id = opened[0]?.session.id ?? '';
  await clock.advance(10);
  assert.equal(await store.sessions.touch(id), true);
  assert.equal((await store.sessions.byId(id))?.lastActivity, START + 10);

  const ended = await Promise.all([store.sessions.end(id, 'idle'), store.sessions.end(id, 'operator-closed')]);
  assert.deepEqual(
    ended.map((session) => session?.reason),
    ['idle', undefined],
  );
  assert.equal(await store.sessions.touch(id), false);
  assert.equal((await open('s-new')).joined, false);
  assert.equal((await open('s-other', 'agent-2')).joined, false);
  assert.deepEqual(
    (await store.sessions.listLive({ agentId: 'agent-2' })).map((session) => session.id),
    ['s-other'],
  );
  assert.deepEqual(
    (await store.sessions.endAll({ agentId: 'agent-2' }, 'agent-lost')).map((session) => session.id),
    ['s-other'],
  );
  assert.deepEqual(
    (await store.sessions.endAll('all', 'gateway-restarted')).map((session) => session.id),
    ['s-new'],
  );
  assert.deepEqual(await store.sessions.listLive(), []);
  await assert.rejects(open('s-none', 'nobody'), isForeignKey);
});

test('audit rows are never changed, removed or replaced, not even by hand', async (t) => {
  const { store, path } = await openAt(t);
  await store.audit.append({ code: 'gateway.started', actor: 'gateway', subject: 'gateway', detail: { nested: { answer: 42 } } });
  await store.audit.appendAll([
    { code: 'link.opened', actor: 'agent:web1', subject: 'gateway', detail: {} },
    { code: 'link.closed', actor: 'agent:web1', subject: 'gateway', detail: {} },
  ]);
  const byHand = new DatabaseSync(path);
  t.after(() => byHand.close());
  assert.throws(() => byHand.exec(`update audit set actor = 'nobody'`), { errcode: 1811 });
  assert.throws(() => byHand.exec('delete from audit where seq = 1'), { errcode: 1811 });
  const { rows, next } = await store.audit.list(0, 2);
  const { hash, ...first } = rows[0] ?? assert.fail();
  assert.deepEqual(first, { seq: 1, time: START, code: 'gateway.started', actor: 'gateway', subject: 'gateway', detail: { nested: { answer: 42 } } });
  assert.match(hash ?? '', /^[0-9a-f]{64}$/);
  assert.equal(next, 2);
  assert.deepEqual(await store.audit.list(2, 2).then((page) => [page.rows.map(({ code }) => code), page.next]), [['link.closed'], null]);
});

test('a change and its audit row come together or not at all', async (t) => {
  const { store } = await openAt(t);
  const failing = store.transaction(async (tables) => {
    await tables.agents.insert(newAgent());
    await tables.audit.append({ code: 'agent.changed', actor: 'local-admin', subject: 'agent:web1', detail: {} });
    await tables.agents.insert(newAgent());
  });
  await assert.rejects(failing, (error) => isUnique(error, 'agents.id') || isUnique(error, 'agents.name'));
  assert.equal(await store.agents.byName('web1'), undefined);
  assert.deepEqual(await codes(store), []);
});
