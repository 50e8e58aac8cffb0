// The store as a file: private, refused when damaged or newer, answered in time when another process holds it.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { realWorld } from '../system/real-world.ts';
import { openStore } from './open.ts';

const world = realWorld({ level: 'silent' });

async function storePath(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tunnel-store-'));
  t.after(() => rm(folder, { recursive: true }));
  return join(folder, 'gateway.db');
}

test('a store keeps what it was told and leaves nothing open', async (t) => {
  const path = await storePath(t);
  {
    await using store = await openStore(path, world);
    await store.settings.set('edge', 'one');
    await store.settings.set('edge', 'two');
  }
  assert.equal(existsSync(`${path}-wal`), false, 'closed cleanly');
  await using store = await openStore(path, world);
  assert.equal(await store.settings.get('edge'), 'two');
  assert.equal(await store.settings.get('other'), undefined);
});

test('the file, its log and its shared memory are for their owner only, whatever the umask', async (t) => {
  const path = await storePath(t);
  const umask = process.umask(0);
  t.after(() => process.umask(umask));
  await using store = await openStore(path, world);
  await store.settings.set('a', 'b');
  for (const suffix of ['', '-wal', '-shm']) assert.equal(statSync(path + suffix).mode & 0o777, 0o600, suffix);
});

test('calls after the end are refused, ending twice is ending once', async (t) => {
  const store = await openStore(await storePath(t), world);
  await store[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
  await assert.rejects(store.settings.get('a'), { code: 'internal' });
});

test('a call under way is finished before the store ends', async (t) => {
  const path = await storePath(t);
  const store = await openStore(path, world);
  const { promise: held, resolve: letGo } = Promise.withResolvers<void>();
  const working = store.transaction(async (tables) => {
    await tables.settings.set('a', 'kept');
    await held;
  });
  const closing = store[Symbol.asyncDispose]();
  letGo();
  await Promise.all([working, closing]);
  await using again = await openStore(path, world);
  assert.equal(await again.settings.get('a'), 'kept');
});

function byHand(path: string, sql: string): void {
  const database = new DatabaseSync(path);
  database.exec(sql);
  database.close();
}

const damages: [string, (path: string) => void][] = [
  ['garbage', (path) => writeFileSync(path, 'not a database, '.repeat(500))],
  ['an empty file', (path) => truncateSync(path, 0)],
  ['half a file', (path) => truncateSync(path, statSync(path).size / 2)],
  ['zeroes in the middle', (path) => writeFileSync(path, readFileSync(path).fill(0, 8192, 16384))],
  ['a database of something else', (path) => byHand(path, 'pragma application_id = 7')],
];
for (const [name, damage] of damages) {
  test(`${name} in place of the store is store.corrupt, and stays as it is`, async (t) => {
    const path = await storePath(t);
    {
      await using store = await openStore(path, world);
      await store.settings.set('a', 'b');
    }
    damage(path);
    const before = readFileSync(path);
    await assert.rejects(openStore(path, world), { code: 'store.corrupt' });
    assert.deepEqual(readFileSync(path), before);
  });
}

test('a link at the place of the store is not followed', async (t) => {
  const path = await storePath(t);
  symlinkSync(`${path}.elsewhere`, path);
  await assert.rejects(openStore(path, world), { code: 'file.failed' });
  assert.equal(existsSync(`${path}.elsewhere`), false);
});

test('a folder that is not there is file.failed', async (t) => {
  await assert.rejects(openStore(join(await storePath(t), 'no', 'gateway.db'), world), { code: 'file.failed' });
});

test('the store of a newer program is refused and not touched', async (t) => {
  const path = await storePath(t);
  {
    await using _store = await openStore(path, world);
  }
  byHand(path, 'pragma user_version = 99');
  await assert.rejects(openStore(path, world), { code: 'store.newer' });
});

test('two that make the same store at once get one store', async (t) => {
  const path = await storePath(t);
  const opened = await Promise.all(Array.from({ length: 4 }, () => openStore(path, world)));
  await opened[0]?.settings.set('who', 'first');
  for (const store of opened) assert.equal(await store.settings.get('who'), 'first');
  for (const store of opened) await store[Symbol.asyncDispose]();
});

test('a store that another process holds is store.busy in time; reading goes on, and so does the event loop', async (t) => {
  const path = await storePath(t);
  const callMs = 600;
  await using store = await openStore(path, world, { storeCallMs: callMs });
  await store.settings.set('a', 'before');
  const holder = new DatabaseSync(path);
  t.after(() => holder.isOpen && holder.close());
  holder.exec('begin immediate');

  let longestStall = 0;
  let last = performance.now();
  const ticking = setInterval(() => {
    longestStall = Math.max(longestStall, performance.now() - last);
    last = performance.now();
  }, 5);
  t.after(() => clearInterval(ticking));
  const began = performance.now();
  assert.equal(await store.settings.get('a'), 'before');
  const results = await Promise.allSettled([
    store.settings.set('a', 'late'),
    store.transaction((tables) => tables.settings.set('b', 'late')),
    store.settings.set('c', 'late'),
  ]);
  const took = performance.now() - began;
  for (const result of results) assert.equal(result.status === 'rejected' && result.reason.code, 'store.busy');
  assert.ok(took < callMs + 400, `answered after ${took} ms`);
  assert.ok(longestStall < callMs / 2, `the event loop stood for ${longestStall} ms`);

  holder.exec('rollback');
  await store.settings.set('d', 'now');
  assert.deepEqual(
    await Promise.all(['a', 'b', 'c', 'd'].map((key) => store.settings.get(key))),
    ['before', undefined, undefined, 'now'],
    'nothing was done after it was refused',
  );
});

test('a transaction that fails leaves nothing, and the next one begins clean', async (t) => {
  await using store = await openStore(await storePath(t), world);
  const failing = store.transaction(async (tables) => {
    await tables.settings.set('a', 'b');
    throw new Error('changed my mind');
  });
  await assert.rejects(failing, /changed my mind/);
  assert.equal(await store.settings.get('a'), undefined);
  await store.transaction(async (tables) => {
    await Promise.all([tables.settings.set('a', '1'), tables.settings.set('b', '2')]);
  });
  assert.equal(await store.settings.get('b'), '2');
});

test('a transaction that takes too long is cut off and undone; others go on', async (t) => {
  const clock = new ManualClock();
  await using store = await openStore(await storePath(t), { clock }, { storeCallMs: 300 });
  const slow = store.transaction(async (tables) => {
    await tables.settings.set('a', 'slow');
    await clock.advance(301);
    await tables.settings.set('b', 'slow');
  });
  await assert.rejects(slow, { code: 'store.busy' });
  assert.equal(await store.settings.get('a'), undefined);
  await store.settings.set('a', 'next');
  assert.equal(clock.pending, 0);
});
