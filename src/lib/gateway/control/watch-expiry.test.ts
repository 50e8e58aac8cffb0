// Certificates that end soon: shown, audited once a day, and stock agents made to come back once a day, while they carry nothing.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { certifiedAgent } from '../../../../test/support/admitted-agent.ts';
import { controlStand } from '../../../../test/support/control-stand.ts';
import { ManualClock } from '../../../../test/support/manual-clock.ts';
import { openAt } from '../../../../test/support/store-rows.ts';
import { endsSoon } from '../../pki/renewal-pace.ts';
import { listAgents } from './agents.ts';
import { lookAtExpiry } from './watch-expiry.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const MINUTE = 60_000;
const never = new AbortController().signal;

for (const [life, warnAt] of [
  ['365 days', 350 * DAY],
  ['90 days', 75 * DAY],
  ['6 days', 5 * DAY],
  ['a minute', 50_000],
] as const) {
  test(`${life}: people are told in the last 15 days, or the last sixth`, () => {
    const [count = '', unit = ''] = life.replace('a minute', '1 minute').split(' ');
    const validity = { notBefore: -5 * MINUTE, notAfter: Number(count) * (unit.startsWith('day') ? DAY : MINUTE) };
    assert.equal(endsSoon(validity, warnAt - 1), false);
    assert.equal(endsSoon(validity, warnAt), true);
  });
}

test('shown in the list, and one row a day for each agent, whoever looks; none for who is long gone', async (t) => {
  const clock = new ManualClock(Date.now());
  const stand = await controlStand(t, { clock });
  const { control, store } = stand;
  const now = clock.now();
  await certifiedAgent(stand, 'fresh');
  await certifiedAgent(stand, 'ending', { issuedAt: now - 80 * DAY });
  await certifiedAgent(stand, 'ended', { issuedAt: now - 90 * DAY - HOUR });
  await certifiedAgent(stand, 'long-gone', { issuedAt: now - 100 * DAY });
  const { agents } = await listAgents(control.context, { kind: 'local-admin' } as Parameters<typeof listAgents>[1], { limit: 10 });
  assert.deepEqual(
    agents.map(({ name, expires_soon }) => [name, expires_soon]),
    [
      ['ended', true],
      ['ending', true],
      ['fresh', false],
      ['long-gone', true],
    ],
  );
  const told = new WeakMap();
  for (let look = 0; look < 5; look += 1) await lookAtExpiry(control.context, told, never);
  const rows = (await store.audit.list(1, 1000)).rows.filter(({ code }) => code === 'agent.certificate-expiring');
  assert.deepEqual(rows.map(({ subject, detail }) => [subject, detail['expired']]).sort(), [
    ['agent:ended', true],
    ['agent:ending', false],
  ]);
});

test('a warning is claimed once a day, and again where the clock was set back', async (t) => {
  const { store, clock } = await openAt(t);
  await store.agents.insert({ id: 'a1', name: 'web1', allowedRoutes: [], ports: null, os: null, hostname: null });
  const claim = () => store.expiryWarnings.claim('a1', DAY);
  assert.deepEqual(await Promise.all([claim(), claim(), claim()]), [true, false, false]);
  await clock.advance(DAY - 1);
  assert.equal(await claim(), false);
  await clock.advance(1);
  assert.equal(await claim(), true);
  Object.assign(clock, { now: () => Date.UTC(2025, 0, 1) });
  assert.equal(await claim(), true);
  assert.equal(await claim(), false);
});

test('a stock agent in its last 15 days is told to come back once a day, others are not', async (t) => {
  const clock = new ManualClock(Date.now());
  const stand = await controlStand(t, { clock });
  const { store, orders } = stand;
  const issuedAt = clock.now() - 351 * DAY;
  const year = { lifetimeMs: 365 * DAY, issuedAt };
  const [stock, ours, fresh] = [await certifiedAgent(stand, 'stock', year), await certifiedAgent(stand, 'ours', year), await certifiedAgent(stand, 'fresh')];
  const { linkId } = await stock.admit({ protocol: 1 });
  await ours.admit();
  await fresh.admit({ protocol: 1 });
  /** What the edge was told while so many hours passed. */
  const pass = async (hours: number) => {
    for (let hour = 0; hour < hours; hour += 1) {
      await clock.advance(HOUR);
      for (let turn = 0; turn < 5; turn += 1) await store.certificates.count(); // what was asked before has its answer then
    }
    return orders.splice(0).filter((order) => order.startsWith('endWhenIdle'));
  };
  assert.deepEqual(await pass(23), [], 'it has just come: it had its chance');
  assert.deepEqual(await pass(3), [`endWhenIdle ${linkId} its certificate ends soon: dial again and renew it`]);
  assert.deepEqual(await pass(20), []);
  assert.equal((await pass(6)).length, 1, 'it was busy all day');
  await clock.advance(12 * DAY);
  await pass(4);
  assert.deepEqual(await pass(48), [], 'it could not come back');
});
