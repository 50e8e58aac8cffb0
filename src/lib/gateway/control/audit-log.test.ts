import assert from 'node:assert/strict';
import { test } from 'node:test';
import { quietWorld } from '../../../../test/support/quiet-world.ts';
import type { AuditEvent } from '../../audit/event.ts';
import { TunnelError } from '../../base/errors.ts';
import { AuditLog } from './audit-log.ts';

const event = (subject: string, code: AuditEvent['code'] = 'channel.opened'): AuditEvent => ({ code, actor: 'operator:alice', subject, detail: {} });

function start() {
  const world = quietWorld();
  const kept: (readonly AuditEvent[])[] = [];
  const store = { failing: false, whileWriting: () => {} };
  const appendAll = async (rows: readonly AuditEvent[]) => {
    if (store.failing) throw new TunnelError('store.busy', 'full');
    kept.push(rows);
    store.whileWriting();
  };
  const log = new AuditLog({ audit: { append: async () => {}, appendAll, list: async () => ({ rows: [], next: null }), head: async () => null } }, world);
  return { world, kept, store, log };
}

test('rows are kept together within 200 ms', async () => {
  const { world, kept, log } = start();
  log.keep(event('one'));
  await world.clock.advance(199);
  log.keep(event('two'));
  assert.equal(kept.length, 0);
  await world.clock.advance(1);
  assert.deepEqual(
    kept.map((rows) => rows.map(({ subject }) => subject)),
    [['one', 'two']],
  );
  assert.equal(world.clock.pending, 0);
});

test('what comes while rows are written waits for its own 200 ms, and flush waits for it', async () => {
  const { world, kept, log, store } = start();
  store.whileWriting = () => void (kept.length < 9 && log.keep(event(`more ${kept.length}`)));
  log.keep(event('one'));
  await world.clock.advance(200);
  assert.equal(kept.length, 1);
  await world.clock.advance(199);
  assert.equal(kept.length, 1);
  await world.clock.advance(1);
  assert.equal(kept.length, 2);
  store.whileWriting = () => {};
  await log.flush();
  assert.deepEqual(
    kept.map((rows) => rows.map(({ subject }) => subject)),
    [['one'], ['more 1'], ['more 2']],
  );
  assert.equal(world.clock.pending, 0);
});

test('while the store does not take them rows wait in order, and nothing new may begin', async () => {
  const { world, kept, store, log } = start();
  store.failing = true;
  log.keep(event('one'));
  await world.clock.advance(200);
  assert.throws(() => log.assertKeeping(), { code: 'store.busy' });
  log.keep(event('two'));
  store.failing = false;
  await world.clock.advance(1000);
  assert.deepEqual(
    kept.flat().map(({ subject }) => subject),
    ['one', 'two'],
  );
  log.assertKeeping();
});

test('the number stands on a row of its own code, and it all adds up', async () => {
  const { world, kept, log } = start();
  for (let count = 0; count < 100; count++) {
    log.keepProvoked(event(`enrolment ${count}`, 'agent.enrolment-refused'));
    log.keepProvoked(event(`link ${count}`, 'link.refused'));
  }
  await world.clock.advance(3000);
  for (const code of ['agent.enrolment-refused', 'link.refused']) {
    const rows = kept.flat().filter((row) => row.code === code);
    assert.equal(
      rows.reduce((sum, { detail }) => sum + Number(detail['more'] ?? 1), 0),
      100,
      code,
    );
  }
});

test('what an agent provokes is 50 rows a second, the rest a number', async () => {
  const { world, kept, log } = start();
  for (let count = 0; count < 1000; count++) log.keepProvoked(event(`row ${count}`));
  await world.clock.advance(3000);
  assert.equal(kept.flat().length, 51);
  assert.equal(kept.flat().at(-1)?.detail['more'], 950);
  log.keepProvoked(event('later'));
  await log[Symbol.asyncDispose]();
  assert.equal(kept.flat().at(-1)?.subject, 'later');
  assert.equal(world.clock.pending, 0);
});
