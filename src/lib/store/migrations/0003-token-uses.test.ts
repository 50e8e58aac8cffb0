// A store of version 0.1 keeps what its tokens were used for, and a repeat still gets its answer.
import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { ManualClock } from '../../../../test/support/manual-clock.ts';
import { enrolment, START, storePath } from '../../../../test/support/store-rows.ts';
import { enrol } from '../enrol.ts';
import { openStore } from '../open.ts';
import { tokenState } from '../tokens.ts';
import { first } from './0001-first.ts';

test('tokens and operators of the first schema', async (t) => {
  const path = await storePath(t);
  const before = new DatabaseSync(path);
  before.exec(['pragma application_id = 0x74756e6c', ...first, 'pragma user_version = 1'].join(';'));
  const columns = 'id, kind, name, hash, routes, replaces, created_at, created_by, expires_at, used_at, used_by, answer';
  const insert = before.prepare(`insert into tokens (${columns}) values (?, 'agent', ?, ?, '[]', 0, ?, 'local-admin', ?, ?, ?, ?)`);
  insert.run('used', 'web1', 'hash-used', START, START + 1000, START, 'spki-1', 'the answer');
  insert.run('open', 'web2', 'hash-open', START, START + 1000, null, null, null);
  before.exec(`insert into agents (id, name, state, allowed_routes, created_at) values ('agent-1', 'web1', 'active', '[]', 0)`);
  before.exec(`insert into certificates values ('s', 'agent-1', 'spki-1', 'f', 0, 0, null)`);
  before.exec(`insert into operators values ('o', 'alice', 'operator', null, 0)`);
  before.close();

  await using store = await openStore(path, { clock: new ManualClock(START) });
  const [used, open] = [await store.tokens.byId('used'), await store.tokens.byId('open')];
  assert.ok(used && open);
  assert.deepEqual([tokenState(used, START), used.uses, used.maxUses, used.ephemeral, used.sources], ['used', 1, 1, false, null]);
  assert.deepEqual([tokenState(open, START), open.uses, open.maxUses], ['open', 0, 1]);
  const again = await enrol(store, enrolment({ tokenId: 'used', tokenHash: 'hash-used' }));
  assert.deepEqual([again.outcome, again.outcome === 'refused' ? null : again.answer], ['repeated', 'the answer']);
  assert.equal((await store.operators.byName('alice'))?.targets, null);
});
