import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../../../../test/support/manual-clock.ts';
import { someCertificate } from '../../../../test/support/some-certificate.ts';
import { formatRoute, parseRoute } from '../../routing/route.ts';
import type { Agent } from '../../store/agents.ts';
import { Registry } from './registry.ts';

const row = (id: string, more: Partial<Agent> = {}): Agent => ({
  id,
  name: id,
  state: 'active',
  allowedRoutes: ['10.0.0.0/8'],
  ports: null,
  os: 'linux',
  hostname: null,
  bareNamesAreSuffixes: false,
  ephemeral: false,
  site: null,
  weight: 100,
  onOffline: 'next',
  createdAt: 0,
  lastSeen: null,
  lock: null,
  ...more,
});
const link = (linkId: string, agentId = 'web1', protocol: 1 | 2 = 2) =>
  ({ linkId, agentId, protocol, transport: 'memory', remote: { address: '192.0.2.1', port: 1 }, certificate: someCertificate }) as const;
const wishes = (epoch: bigint, ...routes: string[]) => ({ epoch, routes: routes.map((text) => parseRoute(text)), autoDetected: new Set<string>() });

function start() {
  const clock = new ManualClock();
  const registry = new Registry(clock);
  registry.know(row('web1'));
  const routes = () => registry.find('web1')?.routes.map(formatRoute);
  const online = () => registry.find('web1')?.online;
  return { clock, registry, routes, online };
}

test('epochs count within one link: higher replaces, the same refreshes, lower is ignored', () => {
  const { registry, routes } = start();
  registry.link(link('a'));
  for (const [epoch, subnet, verdict, active] of [
    [1n, '10.1.0.0/16', 'replaced', '10.1.0.0/16'],
    [1n, '10.2.0.0/16', 'refreshed', '10.1.0.0/16'],
    [5n, '10.3.0.0/16', 'replaced', '10.3.0.0/16'],
    [4n, '10.4.0.0/16', 'ignored', '10.3.0.0/16'],
    [2n ** 64n - 1n, '10.5.0.0/16', 'replaced', '10.5.0.0/16'],
  ] as const) {
    assert.equal(registry.advertise('a', wishes(epoch, subnet)), verdict);
    assert.deepEqual(routes(), [active]);
  }
  registry.link(link('b'));
  assert.equal(registry.advertise('b', wishes(1n, '10.6.0.0/16')), 'replaced');
  assert.deepEqual(routes(), ['10.6.0.0/16']);
});

test('the newest link wins, and the end of the old one changes nothing', () => {
  const { registry, online } = start();
  registry.link(link('old'));
  registry.advertise('old', wishes(1n));
  assert.equal(registry.link(link('new')).replaced?.linkId, 'old');
  registry.advertise('new', wishes(1n));
  assert.equal(registry.advertise('old', wishes(9n, '10.9.0.0/16')), 'ignored');
  assert.equal(registry.unlink('old')?.current, false);
  assert.equal(online(), true);
  assert.equal(registry.find('web1')?.link?.linkId, 'new');
  assert.equal(registry.unlink('new')?.current, true);
  assert.equal(registry.unlink('new'), undefined);
  assert.equal(online(), false);
});

test('online means a sign of life within 90 s; a wall clock that jumps changes nothing', async () => {
  const { clock, registry, online } = start();
  registry.link(link('a'));
  assert.equal(online(), false, 'not before its first advertisement');
  registry.advertise('a', wishes(1n));
  await clock.advance(89_999);
  assert.equal(online(), true);
  await clock.advance(1);
  assert.equal(online(), false);
  registry.alive('a');
  assert.equal(online(), true);
});

test('a version 1 agent is online before it has advertised', () => {
  const { registry, online } = start();
  registry.link(link('a', 'web1', 1));
  assert.equal(online(), true);
});

test('only what is allowed is active, also when the allowance changes later', () => {
  const { registry, routes } = start();
  registry.link(link('a'));
  registry.advertise('a', wishes(1n, '10.1.0.0/16', '192.168.0.0/16'));
  assert.deepEqual(routes(), ['10.1.0.0/16']);
  registry.know(row('web1', { allowedRoutes: ['192.168.7.0/24'] }));
  assert.deepEqual(routes(), ['192.168.7.0/24']);
});

test('an agent that was forgotten gives up its links', () => {
  const { registry } = start();
  registry.link(link('a'));
  registry.link(link('b'));
  assert.deepEqual(
    registry.forget('web1').map(({ linkId }) => linkId),
    ['a', 'b'],
  );
  assert.equal(registry.find('web1'), undefined);
});

test('a link that has not advertised yet replaces nothing, and its end changes nothing', () => {
  const { registry, routes, online } = start();
  registry.link(link('old'));
  registry.advertise('old', wishes(1n, '10.1.0.0/16'));
  registry.link(link('new'));
  const current = () => registry.find('web1')?.link?.linkId;
  assert.deepEqual([online(), current(), routes()], [true, 'old', ['10.1.0.0/16']]);
  assert.deepEqual([registry.unlink('new')?.current, online(), current()], [false, true, 'old']);
});

test('when the newest link ends, an older one that lives counts again, with what it advertised last', () => {
  const { registry, routes, online } = start();
  for (const [id, subnet] of [
    ['a', '10.1.0.0/16'],
    ['b', '10.2.0.0/16'],
    ['c', '10.3.0.0/16'],
  ] as const) {
    registry.link(link(id));
    registry.advertise(id, wishes(1n, subnet));
    assert.deepEqual(routes(), [subnet]);
  }
  assert.equal(registry.advertise('b', wishes(2n, '10.4.0.0/16')), 'ignored');
  assert.deepEqual(routes(), ['10.3.0.0/16']);
  assert.deepEqual({ ...registry.unlink('c'), link: undefined }, { link: undefined, current: true, last: false });
  assert.deepEqual([online(), registry.find('web1')?.link?.linkId, routes()], [true, 'b', ['10.4.0.0/16']]);
  assert.deepEqual({ ...registry.unlink('a'), link: undefined }, { link: undefined, current: false, last: false });
  assert.deepEqual({ ...registry.unlink('b'), link: undefined }, { link: undefined, current: true, last: true });
  assert.deepEqual([online(), routes()], [false, ['10.4.0.0/16']], 'a record can still name the route');
});

test('signs of life count for the link that gave them', async () => {
  const { clock, registry, online } = start();
  registry.link(link('old'));
  registry.advertise('old', wishes(1n));
  await clock.advance(60_000);
  registry.link(link('new'));
  registry.advertise('new', wishes(1n));
  await clock.advance(60_000);
  registry.unlink('new');
  assert.equal(online(), false, 'the old one has been silent for two minutes');
  registry.alive('old');
  assert.equal(online(), true);
});
